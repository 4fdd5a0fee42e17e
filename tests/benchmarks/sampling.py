"""Takes the keeper's sample again and again, and prints the median of the seconds: `python -m tests.benchmarks.sampling`."""

import json
import time
from statistics import median

_TIMES = 30


def main() -> None:
    import django

    django.setup()
    from django.utils import timezone

    from jobs.keeper import sampler

    def seconds() -> float:
        began = time.perf_counter()
        sampler.sample(timezone.now())
        return time.perf_counter() - began

    seconds()  # connections are opened before the clock starts
    print(json.dumps({"seconds": median(seconds() for _ in range(_TIMES))}))


if __name__ == "__main__":
    main()
