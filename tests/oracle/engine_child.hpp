#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace orrery::oracle {

/// Runs `work`, which returns a text, in a child of this process and returns that text: SimGrid has
/// one engine in the life of a process, and a fork is far cheaper than a program's start. Throws
/// when the child ends in any other way than by returning.
template <class Work>
std::string in_child(Work work) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const std::string text = work();
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t wrote = write(ends[1], text.data() + done, text.size() - done);
      if (wrote <= 0) _exit(1);
      done += static_cast<std::size_t>(wrote);
    }
    _exit(0);  // and nothing that the parent has to clean up
  }
  close(ends[1]);
  std::string text;
  char piece[1 << 16];
  for (ssize_t got = 0; (got = read(ends[0], piece, sizeof piece)) > 0;) {
    text.append(piece, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("the child ended with status " + std::to_string(status) + ": " + text);
  }
  return text;
}

}  // namespace orrery::oracle
