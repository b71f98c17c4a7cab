// The shape of a data set's rows against the shape a model takes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/data/open_dataset.h"

namespace temper::training {

// Two shapes alike in this differ in dimensions of 1 alone.
Shape without_ones(const Shape& shape);

// Whether rows are delivered in another shape without a question: they differ by dimensions of 1
// alone, or one of the two is flat.
bool is_same_row(const Shape& stored, const Shape& wanted);

// Whether rows have the rank, and every size that is known (-1: it is not).
bool has_dims(const Shape& row, std::span<const std::int64_t> dims);

// "[3,H,W]": a row of a model's input as its file names it; "?" for what has no name.
std::string dims_text(std::span<const std::int64_t> dims, std::span<const std::string> names = {});

// What to say about rows whose axes seem to be in another order (pictures stored channels last);
// empty where that would not help.
std::string order_hint(const Shape& row, std::span<const std::int64_t> dims);

// The shape rows are delivered in: that of `wanted`, where it says one.
// THROWS: kInvalidData with both shapes when they do not agree.
Shape fit_row_shape(const Shape& stored, const WantedField& wanted, const std::string& source);

}  // namespace temper::training
