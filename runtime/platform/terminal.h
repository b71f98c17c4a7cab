// What the standard streams are connected to: decides progress bar or plain lines, colour or none.
#pragma once

namespace temper {

enum class OutputStream { kStdout, kStderr };

bool is_terminal(OutputStream stream);

// Columns of the terminal; 80 when it is none or does not say. Changes when the user resizes it.
int terminal_width(OutputStream stream);

// True on a terminal that is not "dumb", unless NO_COLOR is set and not empty (no-color.org).
bool use_color(OutputStream stream);

}  // namespace temper
