// Made by tools/oracle/text_sample.py with torch 2.15.0. Do not edit.
#pragma once

namespace temper::training {

// clang-format off
inline constexpr double kTextLosses[] = {4.35393667, 4.24525547, 4.13667011, 4.04794502, 3.91530585, 3.78610778, 3.74109721, 3.56642652, 3.44489431, 3.3864882, 3.32384419, 3.26082802, 3.13639808, 3.0576129, 3.5957067, 3.11020398, 3.03745818, 3.02414966, 3.58180857, 3.11224675};
inline constexpr double kTextValLoss = 3.20442748;
// clang-format on

}  // namespace temper::training
