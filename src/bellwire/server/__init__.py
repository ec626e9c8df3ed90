"""The front door: one port for WebSocket, management API, publish and console."""
