"""The official file formats, one small reader each. None of them executes what it reads."""
