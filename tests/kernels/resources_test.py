#!/usr/bin/python3
"""The check of registers and spills reads what ptxas writes and fails when it should."""

import unittest

from resources import compare, readable, reported

LOG = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN6orrery7kernels4copyIiEEvPKiPi' for 'sm_90'
ptxas info    : Function properties for _ZN6orrery7kernels4copyIiEEvPKiPi
    0 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers
"""
MANGLED = "_ZN6orrery7kernels4copyIiEEvPKiPi"


class Resources(unittest.TestCase):
    def test_a_log_is_read(self):
        self.assertEqual(list(reported(LOG)), [("sm_90", MANGLED, {"registers": 40, "spill_bytes": 4 + 8})])

    def test_names_are_readable(self):
        self.assertEqual(readable([MANGLED]), {MANGLED: "copy<int>"})

    def test_more_than_the_limit_fails_and_as_much_does_not(self):
        seen = {"sm_90": {"copy<int>": {"registers": 40, "spill_bytes": 12}}}
        for limit, problems in [(39, 1), (40, 0)]:
            limits = {"sm_90": {"copy<int>": {"registers": limit, "spill_bytes": 12}}}
            self.assertEqual(len(list(compare(seen, limits))), problems)

    def test_a_kernel_without_limit_and_a_limit_without_kernel_fail(self):
        figures = {"registers": 1, "spill_bytes": 0}
        self.assertEqual(len(list(compare({"sm_80": {"a": figures}}, {"sm_80": {"b": figures}}))), 2)


if __name__ == "__main__":
    unittest.main()
