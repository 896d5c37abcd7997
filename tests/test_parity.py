"""The course's own solutions, put together as a reader would, equal torch's built-ins.

Values and gradients, masks of both kinds (True means "may attend", or the opposite), per-head
weights; in float32 to 1e-5 and in float64 to 1e-12.
"""
