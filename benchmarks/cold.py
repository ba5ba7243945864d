"""Reads a file past the page cache, sixteen requests of a megabyte at a time, and prints the seconds: what its disk gives.

    python cold.py FILE
"""

import mmap
import os
import sys
import threading
import time

SIZE, DEPTH = 1 << 20, 16


def reading(descriptor, places):
    # Requests past the cache go to memory that begins with a page.
    buffer = mmap.mmap(-1, SIZE)
    for place in places:
        os.preadv(descriptor, [buffer], place)


def main():
    descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
    # `next` of a range's iterator is one step under the interpreter's lock.
    places = iter(range(0, os.fstat(descriptor).st_size, SIZE))
    threads = [threading.Thread(target=reading, args=(descriptor, places)) for _ in range(DEPTH)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
