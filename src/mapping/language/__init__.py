"""The language of mapping files: its compiler, from TOML to rules."""
