"""WebSocket API: routes, selection expressions, connections, events, @connections."""
