"""The translator: machine code of the computer for a guest's hot pages, made of the meanings."""
