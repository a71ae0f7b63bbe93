"""`python -m core.sweep`: many trainings that differ in chosen options, compared on validation faces.

__main__.py the command; spaces.py what may vary; search.py the trials; workers.py several at once; store.py a
sweep's files; effects.py what each option is worth.
"""
