// What integer_panels.h makes of sums, for x86.
#pragma once

#include "backends/cpu/integer_panels.h"

namespace temper::cpu {

void bytes_of_sums512(const FinishedTile& tile, const IntegerFinish& finish);
void floats_of_sums512(const FinishedTile& tile, const IntegerFinish& finish);
void bytes_of_sums256(const FinishedTile& tile, const IntegerFinish& finish);
void floats_of_sums256(const FinishedTile& tile, const IntegerFinish& finish);

}  // namespace temper::cpu
