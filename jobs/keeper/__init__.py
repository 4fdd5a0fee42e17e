"""Journal → rows, and what a crash left behind → put right. Every duty is a function of `now` that can be called twice."""
