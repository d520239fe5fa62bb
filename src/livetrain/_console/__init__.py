"""The commands of ``livetrain``, each in a module of its own."""
