"""A client of the parameter notifier: connect, say what to listen to, take what arrives."""
