"""The trainers' tools, 训练与评估."""
