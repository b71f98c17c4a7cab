// The kinds of facts that an op's file states about it (op_def.h).
#pragma once

namespace temper::graph {

// What mixed precision makes of an op: torch.amp's autocast lists.
enum class PrecisionClass {
  kFloat32,  // computes in float32: losses, exp, log, pow, softmax, sums
  kLow,      // gains from 16 bits: matmul, conv
  // Computes in the type its inputs have; where they differ, in the widest of them. Scalar
  // constants have no say, as PyTorch's type promotion gives numbers none.
  kFollowInputs,
};

// What becomes of the elements of an op that computes nothing.
enum class Movement {
  kNone,       // it computes
  kSame,       // the same value
  kDrop,       // the same value, of which training drops some elements
  kReshape,    // the same elements in the same order under another shape
  kPermute,    // the same elements in another order
  kConvert,    // the same elements in another type
  kBroadcast,  // repeated along axes of size 1
  kPart,       // some of the elements of input 0
  kJoin,       // those of all inputs
  kRound,      // rounded to the steps of a scale, as integers
  kUnround,    // such integers as floats again
};

// What an op computes where a normalisation or an affine pair is told from its parts.
enum class Arithmetic {
  kNone,
  kAdd,
  kAddAll,  // of any number of inputs
  kSubtract,
  kMultiply,
  kDivide,
  kExtremum,  // the greater or the smaller
  kClip,      // bounded by constants
  kSign,      // a change of sign, or none
  kInverse,
  kPower,
  kRoot,
  kLogarithm,
  kMean,      // a sum or mean of elements
  kLength,    // the root of a sum of squares
  kNormalise  // subtracts a mean and divides by a deviation, or one of both
};

// The function of an activation, for those who treat some of them apart.
enum class Activation { kNone, kOther, kRelu, kSigmoid, kTanh, kSoftmax, kLogSoftmax };

// A product with a weight at input 1.
enum class Linear { kNone, kMatrix, kConvolution };

// What a stored tensor is at one input of an op. Weights and statistics are so by their place;
// a bias is one where training can move it.
enum class Place { kWeight, kBias, kStatistic };
struct PlaceOfInput {
  int input = 0;
  Place place = Place::kWeight;
  const char* what = "";  // "running mean"
};

// What files give as an input and the shape rule keeps as an attribute: how it is written again.
enum class InputForm {
  kIntegers,  // a list, int64
  kInteger,   // one int64, a scalar
  kNumber,    // one number of the type of input 0, a scalar
};
struct WrittenInput {
  int input = 0;
  const char* attribute = "";
  InputForm form = InputForm::kIntegers;
};

}  // namespace temper::graph
