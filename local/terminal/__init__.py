"""Starting, watching and stopping runs from a terminal: of the Baton on this machine, or of one in Azure."""
