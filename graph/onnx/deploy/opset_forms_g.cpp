// Made by tools/oracle/opset_forms.py from the schemas of onnx 1.23.2. Do not edit.
#include "graph/onnx/deploy/opset_forms.h"

namespace temper::graph {

const std::string_view kOpsetFormsG = R"(
GRU 1 3 6 2 0 activation_alpha;activation_beta;activations;clip;direction=foward;hidden_size;
 output_sequence=0
GRU 3 3 6 2 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 linear_before_reset=0;output_sequence=0
GRU 7 3 6 2 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 linear_before_reset=0
GRU 14 3 6 2 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 layout=0;linear_before_reset=0
Gather 1 2 2 1 0 axis=0
GatherElements 11 2 2 1 0 axis=0
GatherND 11 2 2 1 0
GatherND 12 2 2 1 0 batch_dims=0
Gelu 20 1 1 1 0 approximate=none
Gemm 1 3 3 1 0 alpha=1;beta=1;broadcast=0;transA=0;transB=0
Gemm 7 3 3 1 0 alpha=1;beta=1;transA=0;transB=0
Gemm 11 2 3 1 0 alpha=1;beta=1;transA=0;transB=0
GlobalAveragePool 1 1 1 1 0
GlobalLpPool 1 1 1 1 0 p=2
GlobalMaxPool 1 1 1 1 0
Greater 1 2 2 1 0 axis;broadcast=0
Greater 7 2 2 1 0
GreaterOrEqual 12 2 2 1 0
GridSample 16 2 2 1 0 align_corners=0;mode=bilinear;padding_mode=zeros
GridSample 20 2 2 1 0 align_corners=0;mode=linear;padding_mode=zeros
GroupNormalization 18 3 3 1 1 epsilon=1e-05;num_groups
GroupNormalization 21 3 3 1 0 epsilon=1e-05;num_groups;stash_type=1
HammingWindow 17 1 1 1 0 output_datatype=1;periodic=1
HannWindow 17 1 1 1 0 output_datatype=1;periodic=1
HardSigmoid 1 1 1 1 0 alpha=0.2;beta=0.5;consumed_inputs
HardSigmoid 6 1 1 1 0 alpha=0.2;beta=0.5
HardSwish 14 1 1 1 0
Hardmax 1 1 1 1 0 axis=1
Hardmax 13 1 1 1 0 axis=-1
Identity 1 1 1 1 0
If 1 1 1 1000 0 else_branch;then_branch
ImageDecoder 20 1 1 1 0 pixel_format=RGB
InstanceNormalization 1 3 3 1 0 consumed_inputs;epsilon=1e-05
InstanceNormalization 6 3 3 1 0 epsilon=1e-05
IsInf 10 1 1 1 0 detect_negative=1;detect_positive=1
IsNaN 9 1 1 1 0
LRN 1 1 1 1 0 alpha=0.0001;beta=0.75;bias=1;size
LSTM 1 3 8 3 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 input_forget=0;output_sequence=0
LSTM 7 3 8 3 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 input_forget=0
LSTM 14 3 8 3 0 activation_alpha;activation_beta;activations;clip;direction=forward;hidden_size;
 input_forget=0;layout=0
LayerNormalization 17 2 3 3 0 axis=-1;epsilon=1e-05;stash_type=1
LeakyRelu 1 1 1 1 0 alpha=0.01;consumed_inputs
LeakyRelu 6 1 1 1 0 alpha=0.01
Less 1 2 2 1 0 axis;broadcast=0
Less 7 2 2 1 0
LessOrEqual 12 2 2 1 0
LinearAttention 27 3 6 2 0 chunk_size=64;kv_num_heads;q_num_heads;scale=0;update_rule=gated_delta
Log 1 1 1 1 0 consumed_inputs
Log 6 1 1 1 0
LogSoftmax 1 1 1 1 0 axis=1
LogSoftmax 13 1 1 1 0 axis=-1
Loop 1 3 1000 1000 0 body
Loop 11 2 1000 1000 0 body
LpNormalization 1 1 1 1 0 axis=-1;p=2
LpPool 1 1 1 1 0 auto_pad=NOTSET;kernel_shape;p=2;pads;strides
LpPool 18 1 1 1 0 auto_pad=NOTSET;ceil_mode=0;dilations;kernel_shape;p=2;pads;strides
MatMul 1 2 2 1 0
MatMulInteger 10 2 4 1 0
Max 1 1 1000 1 0 consumed_inputs
Max 6 1 1000 1 0
MaxPool 1 1 1 1 0 auto_pad=NOTSET;kernel_shape;pads;strides
MaxPool 8 1 1 2 0 auto_pad=NOTSET;kernel_shape;pads;storage_order=0;strides
MaxPool 10 1 1 2 0 auto_pad=NOTSET;ceil_mode=0;dilations;kernel_shape;pads;storage_order=0;strides
MaxRoiPool 1 2 2 1 0 pooled_shape;spatial_scale=1
MaxUnpool 9 2 3 1 0 kernel_shape;pads;strides
Mean 1 1 1000 1 0 consumed_inputs
Mean 6 1 1000 1 0
MeanVarianceNormalization 9 1 1 1 0 axes=[0, 2, 3]
MelWeightMatrix 17 5 5 1 0 output_datatype=1
Min 1 1 1000 1 0 consumed_inputs
Min 6 1 1000 1 0
Mish 18 1 1 1 0
Mod 10 2 2 1 0 fmod=0
Mul 1 2 2 1 0 axis;broadcast=0;consumed_inputs
Mul 6 2 2 1 0 axis;broadcast=0
Mul 7 2 2 1 0
Multinomial 7 1 1 1 0 dtype=6;sample_size=1;seed
Neg 1 1 1 1 0 consumed_inputs
Neg 6 1 1 1 0
NegativeLogLikelihoodLoss 12 2 3 1 0 ignore_index;reduction=mean
NonMaxSuppression 10 2 5 1 0 center_point_box=0
NonZero 9 1 1 1 0
Not 1 1 1 1 0
OneHot 9 3 3 1 0 axis=-1
Optional 15 0 1 1 0 type
OptionalGetElement 15 1 1 1 0
OptionalHasElement 15 1 1 1 0
OptionalHasElement 18 0 1 1 0
Or 1 2 2 1 0 axis;broadcast=0
Or 7 2 2 1 0
PRelu 1 2 2 1 0 consumed_inputs
PRelu 6 2 2 1 0
Pad 1 1 1 1 0 mode=constant;paddings;value=0
Pad 2 1 1 1 0 mode=constant;pads;value=0
Pad 11 2 3 1 0 mode=constant
Pad 18 2 4 1 0 mode=constant
Pow 1 2 2 1 0 axis;broadcast=0
Pow 7 2 2 1 0
QLinearConv 10 8 9 1 0 auto_pad=NOTSET;dilations;group=1;kernel_shape;pads;strides
QLinearMatMul 10 8 8 1 0
QuantizeLinear 10 2 3 1 0
QuantizeLinear 13 2 3 1 0 axis=1
QuantizeLinear 19 2 3 1 0 axis=1;saturate=1
QuantizeLinear 21 2 3 1 0 axis=1;block_size=0;output_dtype=0;saturate=1
QuantizeLinear 23 2 3 1 0 axis=1;block_size=0;output_dtype=0;precision=0;saturate=1
)";

}  // namespace temper::graph
