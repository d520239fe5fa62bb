"""livetrain-server: takes what trainers say, keeps it, and shows it live.

Needs ``pip install 'livetrain[server]'``. Nothing outside this package imports it.
"""
