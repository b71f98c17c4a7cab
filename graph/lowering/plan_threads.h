// How many threads a plan runs on: a rule of shapes alone, so that equal graphs get equal plans and
// a plan's bits do not depend on the moment.
#pragma once

#include "graph/ir/graph.h"

namespace temper::graph {

// The work of one run in multiplications and additions of a matrix product; other ops count by the
// elements they read and write, at the rate memory gives them.
double work_of(const Graph& graph);
// The ops that take a step of a plan.
int steps_of(const Graph& graph);

// A plan with less work than this, about a millisecond of one core, runs on one thread: a second
// one would save less than half of that, and where other programs use the cores each of the
// hundreds of times the two wait for each other can cost several milliseconds.
inline constexpr double kSmallPlan = 1.5e8;

// But for one of a few large steps, such as a small network's prediction of a batch: with so much
// work a step on average, about 30 microseconds of one core, there are too few waits to lose by.
inline constexpr double kLargeStep = 5e6;

// 1 for a small plan, else `threads`. Each kernel then decides by its own size whether it uses
// them.
int threads_of_plan(const Graph& graph, int threads);

}  // namespace temper::graph
