"""Is this installation well? Each examination looks at one live part and says what is wrong, why it matters, what to do."""
