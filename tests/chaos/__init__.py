"""The whole system under fire, as real processes; at the end the books must balance."""
