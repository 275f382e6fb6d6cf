"""Service language, 服务语言规范 (clause 2.3): what every outgoing reply must pass before it is sent."""
