"""Who calls, and what they may do: function keys, Entra app roles, and the dashboard's own sign-in."""
