// Made by tools/oracle/opset_types.py from the schemas of onnx 1.23.2. Do not edit.
#include "graph/onnx/deploy/opset_types.h"

namespace temper::graph {

const std::uint64_t kOpsetTypeSets[] = {
    0xc02,     0x3cfe,     0x13cfe,  0x10c02,   0x3cc2,    0x13cc2,    0x80,       0x200,
    0x13efe,   0x7fffefe,  0x3014,   0x30fc,    0xc0,      0x3efe,     0x3ffe,     0x13ffe,
    0x1f3ffe,  0x7f3ffe,   0xff3ffe, 0x1ff3ffe, 0x7ff3ffe, 0x1fff3ffe, 0x10402,    0x2,
    0x1fffe,   0xfffe,     0x0,      0x1ffffe,  0x7ffffe,  0xfffffe,   0x1fffffe,  0x7fffffe,
    0x1f3efe,  0x7f3efe,   0xff3efe, 0x1ff3efe, 0x7ff3efe, 0xc,        0x40,       0x38c2,
    0x4c,      0x1e004c,   0x7e007c, 0xfe007c,  0x1010402, 0x6fe007c,  0x1efe007c, 0x1f0c02,
    0x4,       0x2c0,      0x802,    0x10002,   0xc0e,     0x10c0e,    0xcea,      0x10cea,
    0xcc2,     0x10cc2,    0x1e000c, 0x42,      0x10442,   0x7e003c,   0xfe003c,   0x1010442,
    0x6fe003c, 0x1efe003c, 0x8e2,    0x10ce2,   0x3cce,    0x13cce,    0x13ece,    0x100,
    0x1c0,     0xec2};
const std::size_t kOpsetTypeSetCount = 74;

const std::string_view kOpsetTypes = R"(
Abs 1:0>0 6:1>1 13:2>2
Acos 7:0>0 22:3>3
Acosh 9:0>0 22:3>3
Add 1:0>0 6:4>4 13:5>5 14:2>2
AffineGrid 20:3,6>3
And 1:7>7
ArgMax 1:1>6 13:2>6
ArgMin 1:1>6 13:2>6
Asin 7:0>0 22:3>3
Asinh 9:0>0 22:3>3
Atan 7:0>0 22:3>3
Atanh 9:0>0 22:3>3
Attention 23:3,3,3,8,3>3 24:3,3,3,8,3,3,6>3
AveragePool 1:0>0 22:3>3
BatchNormalization 1:0>0 14:3>3
Bernoulli 15:0>8 22:3>8
BitCast 26:9>9
BitShift 11:10>10 28:11>11
BitwiseAnd 18:11>11
BitwiseNot 18:11>11
BitwiseOr 18:11>11
BitwiseXor 18:11>11
BlackmanWindow 17:12>2
Cast 1:13>13 9:14>14 13:15>15 19:16>16 21:17>17 23:18>18 24:19>19 25:20>20 28:21>21
CastLike 15:15>15 19:16>16 21:17>17 23:18>18 24:19>19 25:20>20
CausalConvWithState 27:22>22
Ceil 1:0>0 13:3>3
Celu 12:23>23 28:3>3
CenterCropPad 18:24,12>24
Clip 1:0>0 12:1>1 13:2>2
Col2Im 18:24,6>24
Compress 9:25,7>25 28:24,7>24
Concat 1:0>0 4:25>25 13:24>24
ConcatFromSequence 11:26>25
Constant 1:>0 9:>25 13:>24 19:>27 21:>28 23:>29 24:>30 25:>31
ConstantOfShape 9:6>13 20:6>32 21:6>33 23:6>34 24:6>35 25:6>36
Conv 1:0>0 22:3>3
ConvInteger 10:37>38
ConvTranspose 1:0>0 22:3>3
Cos 7:0>0 22:3>3
Cosh 9:0>0 22:3>3
CumProd 26:5,12>5
CumSum 11:39,12>39 14:5,12>5
DFT 17:3,12>3 20:3,12,6>3
DeformConv 19:0>0 22:3>3
DepthToSpace 1:25>25 13:24>24
DequantizeLinear 10:40,23,40>23 19:41,22,41>22 21:42,22,42>22 23:43,22,43>22 24:43,44,43>22
 25:45,44,45>22 28:46,44,46>22
Det 11:0>0 22:3>3
Div 1:0>0 6:4>4 13:5>5 14:2>2
Dropout 1:0>0 10:0>0,7 12:0,0,7>0,7 13:3,0,7>3,7 22:47,47,7>47,7
DynamicQuantizeLinear 11:23>48,23,48
Einsum 12:1>1 28:2>2
Elu 1:0>0 22:3>3
Equal 1:49>7 11:13>7 13:8>7 19:15>7
Erf 9:1>1 13:3>3
Exp 1:0>0 13:3>3
Expand 8:25,6>25 13:24,6>24
EyeLike 9:13>13 22:8>8
Flatten 1:0>0 9:25>25 13:24>24 21:28>28 23:29>29 24:30>30 25:31>31
Floor 1:0>0 13:3>3
GRU 1:0,0,0,0,38,0>0 22:3,3,3,3,38,3>3
Gather 1:25,12>25 13:24,12>24
GatherElements 11:25,12>25 13:24,12>24
GatherND 11:25,6>25 13:24,6>24
Gelu 20:3>3
Gemm 1:0>0 9:4>4 13:5>5
GlobalAveragePool 1:0>0 22:3>3
GlobalLpPool 1:0>0 22:3>3
GlobalMaxPool 1:0>0 22:3>3
Greater 1:0>7 9:1>7 13:2>7
GreaterOrEqual 12:1>7 16:2>7
GridSample 16:25,0>25 22:24,3>24
GroupNormalization 21:3>3
HammingWindow 17:12>2
HannWindow 17:12>2
HardSigmoid 1:0>0 22:3>3
HardSwish 14:0>0 22:3>3
Hardmax 1:0>0 13:3>3
Identity 1:25>25 13:24>24 14:>
If 1:7>26
ImageDecoder 20:48>48
InstanceNormalization 1:0>0 22:3>3
IsInf 10:50>7 20:47>7
IsNaN 9:0>7 13:3>7 20:47>7
LRN 1:0>0 13:3>3
LSTM 1:0,0,0,0,38,0>0 22:3,3,3,3,38,3>3
LayerNormalization 17:3>3,51
LeakyRelu 1:0>0 16:3>3
Less 1:0>7 9:1>7 13:2>7
LessOrEqual 12:1>7 16:2>7
LinearAttention 27:22>22
Log 1:0>0 13:3>3
LogSoftmax 1:0>0 13:3>3
Loop 1:6,7,26>26
LpNormalization 1:0>0 22:3>3
LpPool 1:0>0 22:3>3
MatMul 1:0>0 9:4>4 13:5>5
MatMulInteger 10:37>38
Max 1:0>0 12:1>1 13:2>2
MaxPool 1:0>0 8:0>0,6 12:52>52,6 22:53>53,6
MaxRoiPool 1:0>0 22:3>3
MaxUnpool 9:0,6>0 22:3,6>3
Mean 1:0>0 13:3>3
MeanVarianceNormalization 9:0>0 13:3>3
MelWeightMatrix 17:12,12,12,3>2
Min 1:0>0 12:1>1 13:2>2
Mish 18:0>0 22:3>3
Mod 10:1>1 13:2>2
Mul 1:0>0 6:4>4 13:5>5 14:2>2
Multinomial 7:0>12 22:3>12
Neg 1:0>0 6:54>54 13:55>55
NegativeLogLikelihoodLoss 12:0,12,0>0 22:3,12,3>3
NonMaxSuppression 10:23,23,6,23>6
NonZero 9:25>6 13:24>6
Not 1:7>7
OneHot 9:1,1,25>25 28:1,1,24>24
OptionalHasElement 15:26>7
Or 1:7>7
PRelu 1:0>0 9:4>4 16:5>5
Pad 1:0>0 11:1,6,1>1 13:24,6,24>24 18:24,6,24,12>24 21:28,6,28,12>28 23:29,6,29,12>29
 24:30,6,30,12>30 25:31,6,31,12>31
Pow 1:0>0 12:56,1>56 13:57,1>57 15:57,2>57
QLinearConv 10:37,23,37,37,23,37,23,37,38>37
QLinearMatMul 10:37,23,37,37,23,37,23,37>37 21:58,22,58,58,22,58,22,58>58
QuantizeLinear 10:59,23,37>37 19:60,60,58>58 21:60,60,61>61 23:60,60,62>62 24:60,63,62>62
 25:60,63,64>64 28:60,63,65>65
RMSNormalization 23:3>3
RNN 1:0,0,0,0,38,0>0 22:3,3,3,3,38,3>3
RandomNormal 1:>0 22:>3
RandomNormalLike 1:25>0 22:24>3
RandomUniform 1:>0 22:>3
RandomUniformLike 1:25>0 22:24>3
Range 11:66>66 27:67>67
Reciprocal 1:0>0 13:3>3
ReduceL1 1:4>4 13:5>5 18:5,6>5
ReduceL2 1:4>4 13:5>5 18:5,6>5
ReduceLogSum 1:4>4 13:5>5 18:5,6>5 28:3,6>3
ReduceLogSumExp 1:4>4 13:5>5 18:5,6>5 28:3,6>3
ReduceMax 1:4>4 12:68>68 13:69>69 18:69,6>69 20:70,6>70
ReduceMean 1:4>4 13:5>5 18:5,6>5
ReduceMin 1:4>4 12:68>68 13:69>69 18:69,6>69 20:70,6>70
ReduceProd 1:4>4 13:5>5 18:5,6>5
ReduceSum 1:4>4 13:5,6>5
ReduceSumSquare 1:4>4 13:5>5 18:5,6>5
RegexFullMatch 20:71>7
Relu 1:0>0 13:3>3 14:55>55
Reshape 1:0>0 5:25,6>25 13:24,6>24 19:27,6>27 21:28,6>28 23:29,6>29 24:30,6>30 25:31,6>31
Resize 10:25,23>25 11:25,0,23,6>25 13:24,0,23,6>24
ReverseSequence 10:25,6>25 28:24,6>24
RoiAlign 10:0,0,6>0 22:3,3,6>3
RotaryEmbedding 23:22,22,22,6>22
Round 11:0>0 22:3>3
STFT 17:3,12,3,12>3
Scan 8:6,26>26 9:>
Scatter 9:25,12,25>25
ScatterElements 11:25,12,25>25 13:24,12,24>24
ScatterND 11:25,6,25>25 13:24,6,24>24
Selu 1:0>0 22:3>3
SequenceAt 11:26,12>25
SequenceConstruct 11:25>26
SequenceErase 11:26,12>26
SequenceInsert 11:26,25,12>26
SequenceLength 11:26>6
Shape 1:25>6 13:24>6 19:27>6 21:28>6 23:29>6 24:30>6 25:31>6
Shrink 9:1>1
Sigmoid 1:0>0 13:3>3
Sign 9:1>1 13:2>2
Sin 7:0>0 22:3>3
Sinh 9:0>0 22:3>3
Size 1:25>6 13:24>6 19:27>6 21:28>6 23:29>6 24:30>6 25:31>6
Slice 1:25>25 10:25,12>25 13:24,12>24
Softmax 1:0>0 13:3>3
SoftmaxCrossEntropyLoss 12:0,12,0>0 13:3,12,3>3
Softplus 1:0>0 22:3>3
Softsign 1:0>0 22:3>3
SpaceToDepth 1:25>25 13:24>24
Split 1:0>0 2:25>25 13:24,6>24
SplitToSequence 11:25,12>26 24:24,12>26
Sqrt 1:0>0 13:3>3
Squeeze 1:25>25 13:24,6>24 21:28,6>28 23:29,6>29 24:30,6>30 25:31,6>31
StringConcat 20:71>71
StringNormalizer 10:71>71
StringSplit 20:71>71,6
Sub 1:0>0 6:4>4 13:5>5 14:2>2
Sum 1:0>0 13:3>3
SwiGLU 28:3>3
Swish 24:3>3
Tan 7:0>0 22:3>3
Tanh 1:0>0 13:3>3
TensorScatter 24:30,30,6>30
TfIdfVectorizer 9:72>23
ThresholdedRelu 10:0>0 22:3>3
Tile 1:0>0 6:25,6>25 13:24,6>24
TopK 1:0>0,6 10:0,6>0,6 11:1,6>1,6 24:2,6>2,6
Transpose 1:25>25 13:24>24 21:28>28 23:29>29 24:30>30 25:31>31
Trilu 14:24,6>24
Unique 11:25>25,6 28:24>24,6
Unsqueeze 1:25>25 13:24,6>24 21:28,6>28 23:29,6>29 24:30,6>30 25:31,6>31
Upsample 1:73>73 7:25>25 9:25,23>25
Where 9:7,25>25 16:7,24>24
Xor 1:7>7
)";

}  // namespace temper::graph
