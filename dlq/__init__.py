"""What a person must decide: the dead letters. It learns of deaths through the queue's `jobs_buried` signal."""
