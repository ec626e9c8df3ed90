"""WebSocket API: routes, selection expressions, connections, events, @connections.

A pure core: it is told what happened (a handshake, a message, a function's result, the time) and
answers what to do (`effects`). It never waits, sends or looks at a clock.
"""
