"""An event becomes cards: decode, map, merge, wake."""
