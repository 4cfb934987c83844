#!/usr/bin/python3
"""Every rule of tools/check_layers.py fires on a tree that breaks it, and on no other."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import check_layers  # noqa: E402  (found through the line above)

# One header in each room, for the others to include.
ROOM_HEADERS = {
    room: f"{room}/thing.hpp"
    for room in (
        "sim/base",
        "sim/engine",
        "sim/graph",
        "hw",
        "models",
        "workloads",
        "traces",
        "kernels",
        "tools/simgrid",
        "tools",
        "tests",
    )
}

# Written out a second time, cell by cell and not as the checker has it, so that a slip in one of the
# two tables is found. Rows include, columns are included: "x" where that is allowed.
ARROWS = """
                  sim/base sim/engine sim/graph hw models workloads traces kernels tools/simgrid tools tests
    sim/base         x         .          .     .    .        .        .      .         .          .     .
    sim/engine       x         x          .     .    .        .        .      .         .          .     .
    sim/graph        x         x          x     .    .        .        .      .         .          .     .
    hw               x         x          x     x    .        .        .      .         .          .     .
    models           x         x          x     x    x        .        .      .         .          .     .
    workloads        x         .          x     .    .        x        .      .         .          .     .
    traces           x         .          x     .    .        .        x      .         .          .     .
    kernels          .         .          .     .    .        .        .      x         .          .     .
    tools/simgrid    x         x          x     x    x        .        .      .         x          x     .
    tools            x         x          x     x    x        x        x      .         x          x     .
    tests            x         x          x     x    x        x        x      x         x          x     x
"""


def arrows():
    columns, *rows = [line.split() for line in ARROWS.strip().splitlines()]
    for including, *cells in rows:
        assert len(cells) == len(columns)
        for included, cell in zip(columns, cells):
            yield including, included, cell == "x"


class CheckLayersTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def write_rooms(self):
        for header in ROOM_HEADERS.values():
            self.write(header, "#pragma once\n")

    def check(self):
        """Runs the whole program, within this process: a hundred interpreters would take seconds."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = check_layers.main(["--root", str(self.root)])
        return SimpleNamespace(
            returncode=status, stdout=stdout.getvalue(), stderr=stderr.getvalue()
        )

    def expect_clean(self):
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def expect_problem(self, place, words):
        """Exactly one problem is reported: at `place`, "file:line", and in these words."""
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        *problems, _total = result.stdout.splitlines()
        self.assertEqual(len(problems), 1, result.stdout)
        self.assertTrue(problems[0].startswith(place + ": "), problems[0])
        self.assertIn(words, problems[0])

    def test_each_room_includes_what_it_may_and_nothing_else(self):
        self.write_rooms()
        for including, included, allowed in arrows():
            with self.subTest(including=including, included=included):
                source = f"{including}/source.cpp"
                self.write(source, f'\n#include "{ROOM_HEADERS[included]}"\n')
                if allowed:
                    self.expect_clean()
                else:
                    self.expect_problem(f"{source}:2", f"{including} may include only")
                (self.root / source).unlink()

    def test_a_subdirectory_belongs_to_its_room(self):
        self.write_rooms()
        self.write("models/topology/ring.cpp", '#include "workloads/thing.hpp"\n')
        self.expect_problem("models/topology/ring.cpp:1", "models may include only")

    def test_a_room_is_not_every_name_that_begins_like_it(self):
        self.write("sim/baseline/thing.hpp", "#pragma once\n")
        self.expect_problem("sim/baseline/thing.hpp:1", "lies in none of the rooms")

    def test_a_file_outside_the_rooms_is_reported(self):
        self.write("main.cpp", "int main() {}\n")
        self.expect_problem("main.cpp:1", "lies in none of the rooms")

    def test_a_quoted_include_must_exist(self):
        self.write("hw/spec.cpp", '#include "hw/absent.hpp"\n')
        self.expect_problem("hw/spec.cpp:1", "no such file from the root")

    def test_a_quoted_include_is_spelled_from_the_root(self):
        self.write("hw/spec.hpp", "#pragma once\n")
        self.write("hw/spec.cpp", '#include "spec.hpp"\n')
        self.expect_problem("hw/spec.cpp:1", "no such file from the root")

    def test_dots_do_not_lead_around_the_arrows(self):
        self.write_rooms()
        self.write("sim/base/a.cpp", '#include "sim/base/../engine/thing.hpp"\n')
        self.expect_problem("sim/base/a.cpp:1", "without . or ..")

    def test_angle_brackets_do_not_lead_around_the_arrows(self):
        self.write_rooms()
        self.write("sim/base/a.cpp", "#include <models/thing.hpp>\n")
        self.expect_problem("sim/base/a.cpp:1", 'write "models/thing.hpp"')

    def test_a_macro_does_not_lead_around_the_arrows(self):
        self.write("sim/base/a.cpp", "#include HEADER\n")
        self.expect_problem("sim/base/a.cpp:1", "got 'HEADER'")

    def test_spaces_and_a_trailing_comment_hide_no_include(self):
        self.write_rooms()
        self.write("hw/a.cpp", '  #  include   "models/thing.hpp"  // why not\n')
        self.expect_problem("hw/a.cpp:1", "hw may include only")

    def test_an_include_in_a_comment_or_in_a_string_counts_for_nothing(self):
        gone = '\n#include "gone.hpp"\n'
        for text in (
            '// #include "gone.hpp"\n',
            f"/*{gone}*/",
            f"char quote = '\"'; /*{gone}*/",
            f"int thousand = 1'000; /* it's{gone}*/",
            f'auto text = R"({gone})";',
            f'auto text = u8R"x({gone})")x";',
        ):
            with self.subTest(text=text):
                self.write("hw/a.cpp", text)
                self.expect_clean()

    def test_literals_do_not_hide_the_include_after_them(self):
        self.write_rooms()
        for literal in ('"/*"', "'\"'", "1'000", 'R"x(/* " )" )x"', '"\\"/*"'):
            with self.subTest(literal=literal):
                self.write("hw/a.cpp", f'auto x = {literal};\n#include "models/thing.hpp"\n')
                self.expect_problem("hw/a.cpp:2", "hw may include only")

    def test_a_header_begins_with_pragma_once(self):
        for suffix in ("hpp", "h", "cuh"):
            with self.subTest(suffix=suffix):
                header = f"kernels/a.{suffix}"
                self.write(header, "// Why.\n\n#include <vector>\n#pragma once\n")
                self.expect_problem(f"{header}:3", "begins with #pragma once")
                self.write(header, "// Why.\n\n#pragma once\n#include <vector>\n")
                self.expect_clean()

    def test_an_empty_header_is_reported(self):
        self.write("hw/a.hpp", "")
        self.expect_problem("hw/a.hpp:1", "begins with #pragma once")

    def test_a_header_holds_no_using_namespace(self):
        self.write("hw/a.hpp", "#pragma once\nvoid f() {\n  using  namespace std;\n}\n")
        self.expect_problem("hw/a.hpp:3", "no using namespace")

    def test_using_namespace_is_allowed_elsewhere(self):
        self.write("hw/a.cpp", "using namespace std;\n")
        self.write("hw/a.hpp", '#pragma once\n// using namespace x\nauto x = "using namespace x";\n')
        self.expect_clean()

    def test_a_library_header_includes_no_hidden_library(self):
        for room in ("sim/base", "hw", "models", "workloads", "traces"):
            for library in ("boost/graph/a.hpp", "nlohmann/json.hpp"):
                with self.subTest(room=room, library=library):
                    self.write(f"{room}/a.hpp", f"#pragma once\n#include <{library}>\n")
                    self.expect_problem(f"{room}/a.hpp:2", "only a source may include it")
                    (self.root / room / "a.hpp").unlink()

    def test_a_source_or_a_tool_may_include_a_hidden_library(self):
        self.write("sim/base/a.cpp", "#include <nlohmann/json.hpp>\n")
        self.write("models/a.cpp", "#include <boost/graph/a.hpp>\n")
        self.write("tools/orrery/a.hpp", "#pragma once\n#include <nlohmann/json.hpp>\n")
        self.expect_clean()

    def test_a_kept_library_is_included_in_its_folders_alone(self):
        for suffix in ("cpp", "hpp"):
            text = "#pragma once\n#include <simgrid/s4u.hpp>\n"
            self.write(f"tools/simgrid/a.{suffix}", text)
            self.write(f"tests/bench/a.{suffix}", text)
            self.expect_clean()
            for room in ("sim/base", "hw", "models", "workloads", "traces", "tools", "tests"):
                with self.subTest(room=room, suffix=suffix):
                    self.write(f"{room}/a.{suffix}", text)
                    self.expect_problem(
                        f"{room}/a.{suffix}:2", "only tools/simgrid and tests/bench may include it"
                    )
                    (self.root / room / f"a.{suffix}").unlink()

    def test_build_output_is_not_checked(self):
        self.write("hw/a.hpp", "#pragma once\n")
        self.write("build/release/a.cpp", '#include "nowhere.hpp"\n')
        self.write("out/a.hpp", "")
        self.write(".cache/a.hpp", "")
        self.expect_clean()

    def test_an_empty_tree_is_an_error(self):
        result = self.check()
        self.assertEqual(result.returncode, 2)
        self.assertIn("no C++ file", result.stderr)

    def test_a_type_of_two_headers(self):
        group = "#pragma once\nnamespace orrery {\n{}struct Group final : Base {\n};\n}  // namespace orrery\n"
        self.write("workloads/group.hpp", group.replace("{}", "", 1))
        self.write("tests/group.hpp", group.replace("{}", "namespace testing {\n", 1).replace(
            "}  // namespace", "}  // namespace testing\n}  // namespace", 1))
        self.write("tests/more.hpp", "#pragma once\nnamespace orrery {\nclass Group;\n}  // namespace orrery\n")
        self.expect_clean()
        self.write("tests/other.hpp", group.replace("{}", "", 1))
        self.expect_problem("workloads/group.hpp:3", "orrery::Group is defined in tests/other.hpp too")


if __name__ == "__main__":
    unittest.main()
