"""The ops of ops.py in PyTorch: for each name the module and the shape of its input."""
import torch
import torch.nn as nn
import torch.nn.functional as F

PICTURES, MAPS, ROWS, TOKENS, SOUND = (8, 64, 56, 56), (8, 256, 14, 14), (64, 1024), (8, 128, 256), (8, 64, 2048)


class Apply(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Attention(nn.Module):
    """Scaled dot products of q, k and v, which lie beside each other in the last dimension."""

    def __init__(self, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = x.view(b, t, 3, self.heads, d // 3 // self.heads).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(b, t, d // 3)


class Under(nn.Module):
    """op(w) + x with w a parameter; x has a batch in front, so that the file has one."""

    def __init__(self, op, shape):
        super().__init__()
        self.op, self.w = op, nn.Parameter(torch.randn(shape))

    def forward(self, x):
        return first(self.op(self.w)).unsqueeze(0) + x


def first(outputs):
    """The output of an op that gives others beside it, such as states."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def applied(function, shape):
    return lambda: (Apply(function), shape)


def conv(shape, outputs, size, **options):
    kind = nn.Conv1d if len(shape) == 3 else nn.Conv2d
    return lambda: (kind(shape[1], outputs, size, **options), shape)


OPS = {
    'conv 3x3, 64 to 64': conv(PICTURES, 64, 3, padding=1),
    'conv 3x3, 256 to 256': conv(MAPS, 256, 3, padding=1),
    'conv 3x3, stride 2, 64 to 128': conv(PICTURES, 128, 3, padding=1, stride=2),
    'conv 1x1, 256 to 1024': conv(MAPS, 1024, 1),
    'conv 7x7, stride 2, 3 to 64': conv((8, 3, 224, 224), 64, 7, padding=3, stride=2),
    'conv 5x5, 1 to 6': conv((64, 1, 28, 28), 6, 5, padding=2),
    'conv 3x3, dilation 2, 64 to 64': conv(PICTURES, 64, 3, padding=2, dilation=2),
    'conv 3x3, 8 groups, 64 to 64': conv(PICTURES, 64, 3, padding=1, groups=8),
    'conv 3x3, depthwise, 64': conv(PICTURES, 64, 3, padding=1, groups=64),
    'conv 5x5, depthwise, stride 2, 64': conv(PICTURES, 64, 5, padding=2, stride=2, groups=64),
    'conv 1-d, 5 wide, 64 to 64': conv(SOUND, 64, 5, padding=2),
    'conv 1-d, 15 wide, 1 to 32': conv((8, 1, 8192), 32, 15, padding=7),
    'conv transpose 4x4, stride 2, 64 to 32': lambda: (nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), (8, 64, 28, 28)),
    'conv transpose 2x2, stride 2, 64 to 32': lambda: (nn.ConvTranspose2d(64, 32, 2, stride=2), (8, 64, 28, 28)),
    'linear 64 x 1024 to 1024': lambda: (nn.Linear(1024, 1024), ROWS),
    'linear 1024 x 256 to 1024': lambda: (nn.Linear(256, 1024), TOKENS),
    'linear 32 x 64 to 64': lambda: (nn.Linear(64, 64), (32, 64)),
    'attention, 4 heads of 64, 128 tokens': lambda: (Attention(4, False), (8, 128, 768)),
    'attention, causal, 4 heads of 64, 512 tokens': lambda: (Attention(4, True), (2, 512, 768)),
    'lstm 128, 50 steps': lambda: (nn.LSTM(64, 128), (50, 32, 64)),
    'gru 128, both directions, 50 steps': lambda: (nn.GRU(64, 128, bidirectional=True), (50, 32, 64)),
    'batch norm, 64 of 56x56': lambda: (nn.BatchNorm2d(64), PICTURES),
    'instance norm, 64 of 56x56': lambda: (nn.InstanceNorm2d(64, affine=True), PICTURES),
    'group norm, 8 groups, 64 of 56x56': lambda: (nn.GroupNorm(8, 64), PICTURES),
    'layer norm, 256': lambda: (nn.LayerNorm(256), TOKENS),
    'max pool 2x2': lambda: (nn.MaxPool2d(2), PICTURES),
    'max pool 3x3, stride 2': lambda: (nn.MaxPool2d(3, stride=2, padding=1), PICTURES),
    'average pool 2x2': lambda: (nn.AvgPool2d(2), PICTURES),
    'global average pool': lambda: (nn.AdaptiveAvgPool2d(1), PICTURES),
    'resize, nearest, 2 times': lambda: (nn.Upsample(scale_factor=2), (8, 64, 28, 28)),
    'resize, linear, 2 times': lambda: (nn.Upsample(scale_factor=2, mode='bilinear'), (8, 64, 28, 28)),
    'resize, cubic, 2 times': lambda: (nn.Upsample(scale_factor=2, mode='bicubic'), (8, 64, 28, 28)),
    'pixel shuffle, 2': lambda: (nn.PixelShuffle(2), PICTURES),
    'relu': applied(torch.relu, PICTURES),
    'leaky relu': lambda: (nn.LeakyReLU(0.1), PICTURES),
    'prelu': lambda: (nn.PReLU(64), PICTURES),
    'gelu': lambda: (nn.GELU(), PICTURES),
    'gelu, tanh': lambda: (nn.GELU('tanh'), PICTURES),
    'silu': lambda: (nn.SiLU(), PICTURES),
    'hard swish': lambda: (nn.Hardswish(), PICTURES),
    'softplus': lambda: (nn.Softplus(), PICTURES),
    'elu': lambda: (nn.ELU(), PICTURES),
    'sigmoid': applied(torch.sigmoid, PICTURES),
    'tanh': applied(torch.tanh, PICTURES),
    'exp': applied(torch.exp, PICTURES),
    'softmax, 128': applied(lambda x: torch.softmax(x, -1), (32, 128, 128)),
    'log softmax, 1024': applied(lambda x: torch.log_softmax(x, -1), (1024, 1024)),
    'softmax over channels': applied(lambda x: torch.softmax(x, 1), (4, 21, 128, 128)),
    'mean over the picture': applied(lambda x: x.mean((2, 3)), PICTURES),
    'sum over channels': applied(lambda x: x.sum(1), PICTURES),
    'max over the last': applied(lambda x: x.amax(-1), TOKENS),
    'norm over the last': applied(lambda x: x.norm(dim=-1), TOKENS),
    'cumulative sum': applied(lambda x: x.cumsum(1), TOKENS),
    'transpose of the last two': applied(lambda x: x.transpose(1, 2).contiguous(), (32, 256, 256)),
    'channels to the end': applied(lambda x: x.permute(0, 2, 3, 1).contiguous(), PICTURES),
    'slice': applied(lambda x: x[:, 8:56, 4:52], PICTURES),
    'slice, every second': applied(lambda x: x[:, :, ::2, ::2], PICTURES),
    'pad, zeros': applied(lambda x: F.pad(x, (1, 1, 1, 1)), PICTURES),
    'pad, reflected': applied(lambda x: F.pad(x, (1, 1, 1, 1), mode='reflect'), PICTURES),
    'concat of two halves, swapped': applied(lambda x: torch.cat([x[:, 32:], x[:, :32]], 1), PICTURES),
    'embedding, 1024 of 4096 rows': applied(lambda x: F.embedding(torch.arange(1024) * 7 % 4096, x), (4096, 256)),
    'einsum bhid,bhjd->bhij': applied(lambda x: torch.einsum('bhid,bhjd->bhij', x, x), (8, 4, 128, 64)),
    'broadcast multiply by channel': lambda: (Scale((1, 64, 1, 1)), PICTURES),
    'squeeze and excite': lambda: (SqueezeExcite(64), PICTURES),
}


class Scale(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(shape))

    def forward(self, x):
        return x * self.scale


class SqueezeExcite(nn.Module):
    """Hu et al. 2018, with a quarter of the channels between."""

    def __init__(self, channels):
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.wide(torch.relu(self.narrow(x.mean((2, 3), keepdim=True)))))
