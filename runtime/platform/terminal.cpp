#include "runtime/platform/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/platform/process.h"

namespace temper {
namespace {

int descriptor_of(OutputStream stream) {
  return stream == OutputStream::kStdout ? STDOUT_FILENO : STDERR_FILENO;
}

}  // namespace

bool is_terminal(OutputStream stream) { return ::isatty(descriptor_of(stream)) == 1; }

int terminal_width(OutputStream stream) {
  winsize size{};
  if (::ioctl(descriptor_of(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

bool use_color(OutputStream stream) {
  return is_terminal(stream) && environment("NO_COLOR").value_or("").empty() &&
         environment("TERM").value_or("dumb") != "dumb";
}

}  // namespace temper
