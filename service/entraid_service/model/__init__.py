"""Values and rules of the domain: no I/O, nothing imported but the standard library."""
