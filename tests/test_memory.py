"""A run's memory does not grow with the number of images."""
import json
import subprocess
import sys

import pytest
from conftest import ROOT

@pytest.mark.skipif(sys.platform == "win32", reason="allowed on this system: Windows has no ru_maxrss")
def test_peak_memory_is_flat():
    """60 images of 640 × 480 take no more than 24, in every situation of the benchmark.

    Before images were let go, 36 images more took some 165 MiB more; 40 MiB leave room for what the allocator does.
    """
    words = ["benchmarks/memory.py", "--images", "24", "60", "--size", "480", "640", "--json"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peaks = json.loads(done.stdout)
    assert len(peaks) == 5
    assert all(many - few < 40 for few, many in peaks.values()), peaks
