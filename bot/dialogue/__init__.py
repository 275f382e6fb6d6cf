"""The adapter to Rasa (对话引擎接口): one customer turn in, replies out; what happens when it is down."""
