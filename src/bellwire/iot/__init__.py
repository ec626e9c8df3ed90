"""Topic filters, IoT SQL, rules."""
