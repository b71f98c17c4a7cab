// Made by tools/oracle/opset_forms.py from the schemas of onnx 1.23.2. Do not edit.
#include "graph/onnx/deploy/opset_forms.h"

namespace temper::graph {

const std::string_view kOpsetFormsR = R"(
RMSNormalization 23 2 2 1 0 axis=-1;epsilon=1e-05;stash_type=1
RNN 1 3 6 2 0 activation_alpha;activation_beta;activations=[b'Tanh', b'Tanh'];clip;
 direction=forward;hidden_size;output_sequence=0
RNN 7 3 6 2 0 activation_alpha;activation_beta;activations=[b'Tanh', b'Tanh'];clip;
 direction=forward;hidden_size
RNN 14 3 6 2 0 activation_alpha;activation_beta;activations=[b'Tanh', b'Tanh'];clip;
 direction=forward;hidden_size;layout=0
RandomNormal 1 0 0 1 0 dtype=1;mean=0;scale=1;seed;shape
RandomNormalLike 1 1 1 1 0 dtype;mean=0;scale=1;seed
RandomUniform 1 0 0 1 0 dtype=1;high=1;low=0;seed;shape
RandomUniformLike 1 1 1 1 0 dtype;high=1;low=0;seed
Range 11 3 3 1 0
Range 27 3 3 1 0 stash_type=1
Reciprocal 1 1 1 1 0 consumed_inputs
Reciprocal 6 1 1 1 0
ReduceL1 1 1 1 1 0 axes;keepdims=1
ReduceL1 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceL2 1 1 1 1 0 axes;keepdims=1
ReduceL2 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceLogSum 1 1 1 1 0 axes;keepdims=1
ReduceLogSum 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceLogSumExp 1 1 1 1 0 axes;keepdims=1
ReduceLogSumExp 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceMax 1 1 1 1 0 axes;keepdims=1
ReduceMax 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceMean 1 1 1 1 0 axes;keepdims=1
ReduceMean 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceMin 1 1 1 1 0 axes;keepdims=1
ReduceMin 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceProd 1 1 1 1 0 axes;keepdims=1
ReduceProd 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceSum 1 1 1 1 0 axes;keepdims=1
ReduceSum 13 1 2 1 0 keepdims=1;noop_with_empty_axes=0
ReduceSumSquare 1 1 1 1 0 axes;keepdims=1
ReduceSumSquare 18 1 2 1 0 keepdims=1;noop_with_empty_axes=0
RegexFullMatch 20 1 1 1 0 pattern
Relu 1 1 1 1 0 consumed_inputs
Relu 6 1 1 1 0
Reshape 1 1 1 1 0 consumed_inputs;shape
Reshape 5 2 2 1 0
Reshape 14 2 2 1 0 allowzero=0
Resize 10 2 2 1 0 mode=nearest
Resize 11 3 4 1 0 coordinate_transformation_mode=half_pixel;cubic_coeff_a=-0.75;exclude_outside=0;
 extrapolation_value=0;mode=nearest;nearest_mode=round_prefer_floor
Resize 13 1 4 1 0 coordinate_transformation_mode=half_pixel;cubic_coeff_a=-0.75;exclude_outside=0;
 extrapolation_value=0;mode=nearest;nearest_mode=round_prefer_floor
Resize 18 1 4 1 0 antialias=0;axes;coordinate_transformation_mode=half_pixel;cubic_coeff_a=-0.75;
 exclude_outside=0;extrapolation_value=0;keep_aspect_ratio_policy=stretch;mode=nearest;
 nearest_mode=round_prefer_floor
ReverseSequence 10 2 2 1 0 batch_axis=1;time_axis=0
RoiAlign 10 3 3 1 0 mode=avg;output_height=1;output_width=1;sampling_ratio=0;spatial_scale=1
RoiAlign 16 3 3 1 0 coordinate_transformation_mode=half_pixel;mode=avg;output_height=1;
 output_width=1;sampling_ratio=0;spatial_scale=1
RotaryEmbedding 23 3 4 1 0 interleaved=0;num_heads;rotary_embedding_dim=0
Round 11 1 1 1 0
STFT 17 2 4 1 0 onesided=1
Scan 8 2 1000 1000 0 body;directions;num_scan_inputs
Scan 9 1 1000 1000 0 body;num_scan_inputs;scan_input_axes;scan_input_directions;scan_output_axes;
 scan_output_directions
Scatter 9 3 3 1 0 axis=0
Scatter 11 3 3 1 1 axis=0
ScatterElements 11 3 3 1 0 axis=0
ScatterElements 16 3 3 1 0 axis=0;reduction=none
ScatterND 11 3 3 1 0
ScatterND 16 3 3 1 0 reduction=none
Selu 1 1 1 1 0 alpha=1.6732;consumed_inputs;gamma=1.0507
Selu 6 1 1 1 0 alpha=1.67326;gamma=1.0507
SequenceAt 11 2 2 1 0
SequenceConstruct 11 1 1000 1 0
SequenceEmpty 11 0 0 1 0 dtype
SequenceErase 11 1 2 1 0
SequenceInsert 11 2 3 1 0
SequenceLength 11 1 1 1 0
SequenceMap 17 1 1000 1000 0 body
Shape 1 1 1 1 0
Shape 15 1 1 1 0 end;start=0
Shrink 9 1 1 1 0 bias=0;lambd=0.5
Sigmoid 1 1 1 1 0 consumed_inputs
Sigmoid 6 1 1 1 0
Sign 9 1 1 1 0
Sin 7 1 1 1 0
Sinh 9 1 1 1 0
Size 1 1 1 1 0
Slice 1 1 1 1 0 axes;ends;starts
Slice 10 3 5 1 0
Softmax 1 1 1 1 0 axis=1
Softmax 13 1 1 1 0 axis=-1
SoftmaxCrossEntropyLoss 12 2 3 2 0 ignore_index;reduction=mean
Softplus 1 1 1 1 0
Softsign 1 1 1 1 0
SpaceToDepth 1 1 1 1 0 blocksize
SpaceToDepth 28 1 1 1 0 blocksize;mode=DCR
Split 1 1 2 1000 0 axis;split
Split 2 1 1 1000 0 axis=0;split
Split 13 1 2 1000 0 axis=0
Split 18 1 2 1000 0 axis=0;num_outputs
SplitToSequence 11 1 2 1 0 axis=0;keepdims=1
Sqrt 1 1 1 1 0 consumed_inputs
Sqrt 6 1 1 1 0
Squeeze 1 1 1 1 0 axes
Squeeze 13 1 2 1 0
StringConcat 20 2 2 1 0
StringNormalizer 10 1 1 1 0 case_change_action=NONE;is_case_sensitive=0;locale;stopwords
StringSplit 20 1 1 2 0 delimiter;maxsplit
Sub 1 2 2 1 0 axis;broadcast=0;consumed_inputs
Sub 6 2 2 1 0 axis;broadcast=0
Sub 7 2 2 1 0
Sum 1 1 1000 1 0 consumed_inputs
Sum 6 1 1000 1 0
SwiGLU 28 2 2 1 0 alpha=1
Swish 24 1 1 1 0 alpha=1
Tan 7 1 1 1 0
Tanh 1 1 1 1 0 consumed_inputs
Tanh 6 1 1 1 0
TensorScatter 24 2 3 1 0 axis=-2;mode=linear
TfIdfVectorizer 9 1 1 1 0 max_gram_length;max_skip_count;min_gram_length;mode;ngram_counts;
 ngram_indexes;pool_int64s;pool_strings;weights
ThresholdedRelu 10 1 1 1 0 alpha=1
Tile 1 3 3 1 0
Tile 6 2 2 1 0
TopK 1 1 1 2 0 axis=-1;k
TopK 10 2 2 2 0 axis=-1
TopK 11 2 2 2 0 axis=-1;largest=1;sorted=1
Transpose 1 1 1 1 0 perm
Trilu 14 1 2 1 0 upper=1
Unique 11 1 1 4 0 axis;sorted=1
Unsqueeze 1 1 1 1 0 axes
Unsqueeze 13 2 2 1 0
Upsample 1 1 1 1 0 height_scale;mode=nearest;width_scale
Upsample 7 1 1 1 0 mode=nearest;scales
Upsample 9 2 2 1 0 mode=nearest
Upsample 10 2 2 1 1 mode=nearest
Where 9 3 3 1 0
Xor 1 2 2 1 0 axis;broadcast=0
Xor 7 2 2 1 0
)";

}  // namespace temper::graph
