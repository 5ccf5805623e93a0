"""Apps under the library that Azure itself runs them with."""
