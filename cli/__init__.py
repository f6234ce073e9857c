"""The `bridge` command. Its offline verbs run the production code; they read neither environment nor network."""
