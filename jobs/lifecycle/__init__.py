"""The only writer of `Job.state`: every change of it is a move of the table in `jobs.domain.lifecycle`.

`applying` moves one job by one journal entry, `recording` does it for a batch in one transaction,
`moving` holds the moves that SQL itself decides: falling due, requeueing, publishing again;
`pruning` deletes what is past its keeping time and keeps its number.
"""
