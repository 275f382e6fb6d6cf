"""The action server (动作服务): thin classes that Rasa calls; the work is in `bot/desk`."""
