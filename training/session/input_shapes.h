// The sizes a model's file leaves open, as the data have them; and that the data have those it does
// not leave open.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "graph/ir/graph.h"
#include "runtime/exec/executor.h"
#include "training/data/dataset.h"

namespace temper::training {

// Every dimension of the inputs but the batch becomes the number that the data's rows have. A name
// stands for one number wherever an input has it; a dimension without a name is one of its own.
// `noise`: an input that the data do not give; names that others share are settled for it too.
// THROWS: kInvalidData with both shapes for rows of another rank or size, kInvalidArgument for
// inputs that take no row per sample.
void settle_input_shapes(graph::Graph& graph, const Dataset& data, std::string_view noise = {});

// The same for a teacher, which is given what `model` is, its inputs settled: by name, or the only
// input for the only one, which then gets the model's name. THROWS: as above; kInvalidArgument for
// an input that the model has not.
void settle_teacher_shapes(graph::Graph& teacher, const graph::Graph& model);

// The graph's input that a field of the data goes to, by its name; none for a target.
std::optional<Port> input_port(const graph::Graph& graph, const Field& field);

// Binds those fields of a batch that the executor reads; `ports`: the graphs' input for each field,
// empty where it goes nowhere. THROWS: kInvalidData unless types and numbers of elements are those
// that the plan was made for.
void bind_fields(Executor& executor, std::span<const std::optional<Port>> ports,
                 std::span<const Tensor> fields);

}  // namespace temper::training
