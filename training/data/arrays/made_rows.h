// Inputs of a model that follow from the lengths of the samples: masks, positions, lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "training/data/arrays/array_dataset.h"
#include "training/data/open_dataset.h"

namespace temper::training {

// What `wanted`, which the data have no array for, is of: the input whose dimension has the same
// name, else the first whose rows differ in size, else the first. THROWS: kInvalidData.
MadeRows made_rows(const WantedField& wanted, bool is_target,
                   const std::vector<ArrayField>& arrays);

// Fills a batch with rows of these lengths. `longest`: what the source's rows are cut to.
void fill_made(const MadeRows& made, std::span<const std::int64_t> lengths, std::int64_t longest,
               Tensor& out);

// A target that is as long as an input, row by row, where all rows of that input are delivered with
// one size (the model's): it is, too.
void follow_fixed_inputs(std::vector<ArrayField>& arrays);

}  // namespace temper::training
