// Made by tools/oracle/opset_forms.py from the schemas of onnx 1.23.2. Do not edit.
#include "graph/onnx/deploy/opset_forms.h"

namespace temper::graph {

const std::string_view kOpsetFormsA = R"(
Abs 1 1 1 1 0 consumed_inputs
Abs 6 1 1 1 0
Acos 7 1 1 1 0
Acosh 9 1 1 1 0
Add 1 2 2 1 0 axis;broadcast=0;consumed_inputs
Add 6 2 2 1 0 axis;broadcast=0
Add 7 2 2 1 0
AffineGrid 20 2 2 1 0 align_corners=0
And 1 2 2 1 0 axis;broadcast=0
And 7 2 2 1 0
ArgMax 1 1 1 1 0 axis=0;keepdims=1
ArgMax 12 1 1 1 0 axis=0;keepdims=1;select_last_index=0
ArgMin 1 1 1 1 0 axis=0;keepdims=1
ArgMin 12 1 1 1 0 axis=0;keepdims=1;select_last_index=0
Asin 7 1 1 1 0
Asinh 9 1 1 1 0
Atan 7 1 1 1 0
Atanh 9 1 1 1 0
Attention 23 3 6 4 0 is_causal=0;kv_num_heads;q_num_heads;qk_matmul_output_mode=0;scale;softcap=0;
 softmax_precision
Attention 24 3 7 4 0 is_causal=0;kv_num_heads;q_num_heads;qk_matmul_output_mode=0;scale;softcap=0;
 softmax_precision
Attention 25 3 7 4 0 is_causal=0;kv_num_heads;left_window_size=-1;q_num_heads;
 qk_matmul_output_mode=0;right_window_size=-1;scale;softcap=0;softmax_precision
AveragePool 1 1 1 1 0 auto_pad=NOTSET;kernel_shape;pads;strides
AveragePool 7 1 1 1 0 auto_pad=NOTSET;count_include_pad=0;kernel_shape;pads;strides
AveragePool 10 1 1 1 0 auto_pad=NOTSET;ceil_mode=0;count_include_pad=0;kernel_shape;pads;strides
AveragePool 19 1 1 1 0 auto_pad=NOTSET;ceil_mode=0;count_include_pad=0;dilations;kernel_shape;
 pads;strides
BatchNormalization 1 5 5 5 0 consumed_inputs;epsilon=1e-05;is_test=0;momentum=0.9;spatial=1
BatchNormalization 6 5 5 5 0 epsilon=1e-05;is_test=0;momentum=0.9;spatial=1
BatchNormalization 7 5 5 5 0 epsilon=1e-05;momentum=0.9;spatial=1
BatchNormalization 9 5 5 5 0 epsilon=1e-05;momentum=0.9
BatchNormalization 14 5 5 3 0 epsilon=1e-05;momentum=0.9;training_mode=0
Bernoulli 15 1 1 1 0 dtype;seed
BitCast 26 1 1 1 0 to
BitShift 11 2 2 1 0 direction
BitwiseAnd 18 2 2 1 0
BitwiseNot 18 1 1 1 0
BitwiseOr 18 2 2 1 0
BitwiseXor 18 2 2 1 0
BlackmanWindow 17 1 1 1 0 output_datatype=1;periodic=1
Cast 1 1 1 1 0 to
Cast 19 1 1 1 0 saturate=1;to
Cast 24 1 1 1 0 round_mode=up;saturate=1;to
CastLike 15 2 2 1 0
CastLike 19 2 2 1 0 saturate=1
CastLike 24 2 2 1 0 round_mode=up;saturate=1
CausalConvWithState 27 2 4 2 0 activation=none
Ceil 1 1 1 1 0 consumed_inputs
Ceil 6 1 1 1 0
Celu 12 1 1 1 0 alpha=1
CenterCropPad 18 2 2 1 0 axes
Clip 1 1 1 1 0 consumed_inputs;max;min
Clip 6 1 1 1 0 max=3.40282e+38;min=-3.40282e+38
Clip 11 1 3 1 0
Col2Im 18 3 3 1 0 dilations;pads;strides
Compress 9 2 2 1 0 axis
Concat 1 1 1000 1 0 axis
ConcatFromSequence 11 1 1 1 0 axis;new_axis=0
Constant 1 0 0 1 0 value
Constant 11 0 0 1 0 sparse_value;value
Constant 12 0 0 1 0 sparse_value;value;value_float;value_floats;value_int;value_ints;value_string;
 value_strings
ConstantOfShape 9 1 1 1 0 value
Conv 1 2 3 1 0 auto_pad=NOTSET;dilations;group=1;kernel_shape;pads;strides
ConvInteger 10 2 4 1 0 auto_pad=NOTSET;dilations;group=1;kernel_shape;pads;strides
ConvTranspose 1 2 3 1 0 auto_pad=NOTSET;dilations;group=1;kernel_shape;output_padding;
 output_shape;pads;strides
Cos 7 1 1 1 0
Cosh 9 1 1 1 0
CumProd 26 2 2 1 0 exclusive=0;reverse=0
CumSum 11 2 2 1 0 exclusive=0;reverse=0
DFT 17 1 2 1 0 axis=1;inverse=0;onesided=0
DFT 20 1 3 1 0 inverse=0;onesided=0
DeformConv 19 3 5 1 0 dilations;group=1;kernel_shape;offset_group=1;pads;strides
DepthToSpace 1 1 1 1 0 blocksize
DepthToSpace 11 1 1 1 0 blocksize;mode=DCR
DequantizeLinear 10 2 3 1 0
DequantizeLinear 13 2 3 1 0 axis=1
DequantizeLinear 21 2 3 1 0 axis=1;block_size=0
DequantizeLinear 23 2 3 1 0 axis=1;block_size=0;output_dtype=0
Det 11 1 1 1 0
Div 1 2 2 1 0 axis;broadcast=0;consumed_inputs
Div 6 2 2 1 0 axis;broadcast=0
Div 7 2 2 1 0
Dropout 1 1 1 2 0 consumed_inputs;is_test=0;ratio=0.5
Dropout 6 1 1 2 0 is_test=0;ratio=0.5
Dropout 7 1 1 2 0 ratio=0.5
Dropout 12 1 3 2 0 seed
DynamicQuantizeLinear 11 1 1 3 0
Einsum 12 1 1000 1 0 equation
Elu 1 1 1 1 0 alpha=1;consumed_inputs
Elu 6 1 1 1 0 alpha=1
Equal 1 2 2 1 0 axis;broadcast=0
Equal 7 2 2 1 0
Erf 9 1 1 1 0
Exp 1 1 1 1 0 consumed_inputs
Exp 6 1 1 1 0
Expand 8 2 2 1 0
EyeLike 9 1 1 1 0 dtype;k=0
Flatten 1 1 1 1 0 axis=1
Floor 1 1 1 1 0 consumed_inputs
Floor 6 1 1 1 0
)";

}  // namespace temper::graph
