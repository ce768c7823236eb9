"""The parts of a running server, made in four groups: the floor, the talks on it, the office behind it, the pages.

Law: a group makes what is its own and is given the groups before it; nothing runs before `owned` is started.
"""
