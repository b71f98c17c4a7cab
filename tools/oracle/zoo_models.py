"""Shrunken fresh models of torchvision and transformers, for zoo_equality.py.

CASES maps a name to a function that returns (module, inputs by name, function of the module's output, or None). Dropout and
stochastic depth are off, so that training mode is a function. Needs torch, torchvision, transformers.
"""
import numpy as np
import torch
import torch.nn as nn
import torchvision.models as tv

import peer_models
import peer_networks as peers


def pictures(batch, channels, size):
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(1))


def tokens(batch, length, vocabulary, seed=2):
    return torch.randint(3, vocabulary, (batch, length), generator=torch.Generator().manual_seed(seed))


def vision(make, size=64, batch=4, pick=None):
    return lambda: (make(), {'x': pictures(batch, 3, size)}, pick)


def efficientnet():
    from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
    setting = [FusedMBConvConfig(1, 3, 1, 8, 8, 1), MBConvConfig(4, 3, 2, 8, 16, 1), MBConvConfig(4, 5, 2, 16, 24, 2)]
    return EfficientNet(setting, dropout=0, stochastic_depth_prob=0, num_classes=10, last_channel=48)


def densenet():
    return tv.DenseNet(growth_rate=8, block_config=(2, 2, 2), num_init_features=16, num_classes=10)


def googlenet():
    return tv.GoogLeNet(num_classes=10, aux_logits=False, init_weights=False, dropout=0)


def convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    return ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 2)], 0., 1., num_classes=10)


def swin():
    return tv.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], stochastic_depth_prob=0, num_classes=10)


def swin_v2():
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2
    return tv.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], stochastic_depth_prob=0, num_classes=10,
                              block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2)


def regnet():
    from torchvision.models.regnet import BlockParams, RegNet
    return RegNet(BlockParams.from_init_params(4, 16, 12., 2., 8, se_ratio=.25), num_classes=10, stem_width=8)


def maxvit():
    return tv.MaxVit((64, 64), 16, 4, [16, 32], [1, 1], 16, 0., num_classes=10)


class Features(nn.Module):
    """A small backbone with the two outputs that the segmentation models of torchvision ask for."""

    def __init__(self):
        super().__init__()
        def block(i, o, stride):
            return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        self.low, self.high = nn.Sequential(block(3, 16, 2), block(16, 24, 2)), block(24, 32, 1)

    def forward(self, x):
        low = self.low(x)
        return {'low': low, 'high': self.high(low), 'out': self.high(low)}


def without_dropout(module):
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.
    return module


def deeplabv3():
    from torchvision.models.segmentation.deeplabv3 import DeepLabHead, DeepLabV3
    return without_dropout(DeepLabV3(Features(), DeepLabHead(32, 4, (2, 4)), None))


def fcn():
    from torchvision.models.segmentation.fcn import FCN, FCNHead
    return without_dropout(FCN(Features(), FCNHead(32, 4), None))


def lraspp():
    from torchvision.models.segmentation.lraspp import LRASPP
    return LRASPP(Features(), 24, 32, 4, 16)


def transformer(kind, config, inputs, pick, **options):
    """A model of transformers by the names of its class and of its configuration's class."""
    def make():
        import transformers
        made = getattr(transformers, config)(**options)
        if kind.startswith(('T5', 'Beit')):  # the exporter cannot decompose the other form of its attention
            made._attn_implementation = 'eager'
        return getattr(transformers, kind)(made), inputs(), pick
    return make


def text(batch=3, length=12, vocabulary=64, mask=True):
    def inputs():
        made = {'input_ids': tokens(batch, length, vocabulary)}
        if mask:
            made['attention_mask'] = torch.ones(batch, length, dtype=torch.int64)
            made['attention_mask'][1, length // 2:] = 0
        return made
    return inputs


def last(output):
    return output.last_hidden_state


def logits(output):
    return output.logits


ENCODER = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
               hidden_dropout_prob=0., attention_probs_dropout_prob=0., max_position_embeddings=40)
DECODER = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
               intermediate_size=48, max_position_embeddings=40, use_cache=False, pad_token_id=0, bos_token_id=1,
               eos_token_id=2)
PATCHES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, hidden_dropout_prob=0.,
               attention_probs_dropout_prob=0., image_size=32, patch_size=8)
CONVOLUTIONS = dict(conv_dim=(16, 16, 16), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2), num_feat_extract_layers=3)


def seq2seq():
    return {'input_ids': tokens(3, 12, 64), 'decoder_input_ids': tokens(3, 7, 64, 3)}


def speech():
    return {'input_features': torch.randn(2, 16, 40, generator=torch.Generator().manual_seed(1)),
            'decoder_input_ids': tokens(2, 7, 64, 3)}


def clip():
    import transformers
    config = transformers.CLIPConfig(
        text_config=dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
                         max_position_embeddings=16, eos_token_id=63, bos_token_id=1, pad_token_id=0, projection_dim=24),
        vision_config=dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, image_size=32,
                           patch_size=8, projection_dim=24), projection_dim=24)
    ids = tokens(3, 12, 62)
    ids[:, 9] = 63
    inputs = {'input_ids': ids, 'pixel_values': pictures(3, 3, 32), 'attention_mask': torch.ones(3, 12, dtype=torch.int64)}
    return transformers.CLIPModel(config), inputs, lambda output: torch.cat([output.image_embeds, output.text_embeds], -1)


def detr():
    import transformers
    backbone = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type='basic',
                                         out_features=['stage2'])
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone, d_model=32,
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_ffn_dim=48, dropout=0., num_queries=5, num_labels=6)
    return transformers.DetrForObjectDetection(config), {'pixel_values': pictures(2, 3, 64)}, logits


def floats(*shape):
    return {'x': torch.randn(*shape, generator=torch.Generator().manual_seed(1))}


# The cases of the benchmark beside those of peer_models, with smaller batches.
PEERS = {
    'tiny_mlp': lambda: (peer_models.tiny_mlp(), {'input': floats(8, 10)['x']}, None),
    'mlp': lambda: (peer_models.mlp(), {'input': floats(8, 784)['x']}, None),
    'lenet': lambda: (peer_models.lenet(), {'input': pictures(8, 1, 28)}, None),
    'cifar_cnn': lambda: (peer_models.cifar_cnn(), {'input': pictures(8, 3, 32)}, None),
    'resnet18': vision(lambda: tv.resnet18(num_classes=10)),
    'resnet50': vision(lambda: tv.resnet50(num_classes=10)),
    'mobilenet_v2': vision(lambda: without_dropout(tv.mobilenet_v2(num_classes=10))),
    'peer_vit': vision(lambda: peers.Vit(depth=2), 32),
    'peer_gpt': lambda: (peers.Gpt(depth=2), {'x': tokens(2, 32, 1024)}, None),
    'lstm': lambda: (peers.Recurrent(), floats(4, 20, 32), None),
    'gru': lambda: (peers.Recurrent(nn.GRU, bidirectional=True), floats(4, 20, 32), None),
    'unet': vision(peers.Unet, 32),
    'discriminator': lambda: (peers.discriminator(), {'input': pictures(8, 1, 16)}, None),
    'generator': lambda: (peers.generator(), {'input': pictures(8, 32, 1)}, None),
}
CASES = PEERS | {
    'efficientnet': vision(efficientnet),
    'densenet': vision(densenet),
    'shufflenet_v2': vision(lambda: tv.ShuffleNetV2([1, 2, 1], [8, 16, 32, 64, 64], num_classes=10)),
    'squeezenet': vision(lambda: without_dropout(tv.squeezenet1_1(num_classes=10))),
    'googlenet': vision(googlenet),
    'convnext': vision(convnext),
    'swin': vision(swin),
    'swin_v2': vision(swin_v2),
    'regnet': vision(regnet),
    'mnasnet': vision(lambda: tv.MNASNet(.2, num_classes=10, dropout=0.)),
    'mobilenet_v3': vision(lambda: without_dropout(tv.mobilenet_v3_small(num_classes=10, width_mult=.5))),
    'maxvit': vision(maxvit),
    'deeplabv3': vision(deeplabv3, 48, 4, lambda y: y['out']),
    'fcn': vision(fcn, 48, 4, lambda y: y['out']),
    'lraspp': lambda: (lraspp(), {'input': pictures(4, 3, 48)}, lambda y: y['out']),
    'bert': transformer('BertModel', 'BertConfig', text(), last, **ENCODER),
    'roberta': transformer('RobertaForMaskedLM', 'RobertaConfig', text(), logits, pad_token_id=1, **ENCODER),
    'distilbert': transformer('DistilBertForSequenceClassification', 'DistilBertConfig', text(), logits, vocab_size=64, dim=32,
                              n_layers=2, n_heads=2, hidden_dim=48, dropout=0., attention_dropout=0., seq_classif_dropout=0.,
                              max_position_embeddings=40),
    'gpt2': transformer('GPT2LMHeadModel', 'GPT2Config', text(mask=False), logits, vocab_size=64, n_positions=40, n_embd=32,
                        n_layer=2, n_head=2, resid_pdrop=0., embd_pdrop=0., attn_pdrop=0., use_cache=False),
    'llama': transformer('LlamaForCausalLM', 'LlamaConfig', text(mask=False), logits, **DECODER),
    'qwen2': transformer('Qwen2ForCausalLM', 'Qwen2Config', text(mask=False), logits, **DECODER),
    't5': transformer('T5ForConditionalGeneration', 'T5Config', seq2seq, logits, vocab_size=64, d_model=32, d_kv=16, d_ff=48,
                      num_layers=2, num_heads=2, dropout_rate=0., use_cache=False, decoder_start_token_id=0),
    'vit': transformer('ViTForImageClassification', 'ViTConfig', lambda: {'pixel_values': pictures(3, 3, 32)}, logits, **PATCHES),
    'deit': transformer('DeiTForImageClassification', 'DeiTConfig', lambda: {'pixel_values': pictures(3, 3, 32)}, logits,
                        **PATCHES),
    'beit': transformer('BeitForImageClassification', 'BeitConfig', lambda: {'pixel_values': pictures(3, 3, 32)}, logits,
                        drop_path_rate=0., use_relative_position_bias=True, **PATCHES),
    'wav2vec2': transformer(
        'Wav2Vec2ForCTC', 'Wav2Vec2Config',
        lambda: {'input_values': torch.randn(2, 1600, generator=torch.Generator().manual_seed(1))}, logits, vocab_size=16,
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, hidden_dropout=0.,
        activation_dropout=0., attention_dropout=0., feat_proj_dropout=0., final_dropout=0., layerdrop=0., apply_spec_augment=False,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4, **CONVOLUTIONS),
    'whisper': transformer(
        'WhisperForConditionalGeneration', 'WhisperConfig', speech, logits, vocab_size=64, num_mel_bins=16, d_model=32,
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_ffn_dim=48, max_source_positions=20, max_target_positions=20, dropout=0., use_cache=False, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None),
    'clip': clip,
    'segformer': transformer(
        'SegformerForSemanticSegmentation', 'SegformerConfig', lambda: {'pixel_values': pictures(2, 3, 64)}, logits,
        depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 32, 64], num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=16,
        hidden_dropout_prob=0., attention_probs_dropout_prob=0., classifier_dropout_prob=0., drop_path_rate=0., num_labels=4),
    'detr': detr,
}


class InDouble(torch.overrides.TorchFunctionMode):
    """Where a module computes in float32 whatever it is given, as some of transformers do in norms and rotations, it computes
    in double. With `as_in_files`, numbers of Python are rounded to float32, as PyTorch's exporter writes them."""

    def __init__(self, as_in_files=False, widen=True):
        super().__init__()
        self.as_in_files, self.widen = as_in_files, widen

    def __torch_function__(self, function, types, args=(), kwargs=None):
        def wide(value):
            if self.as_in_files and isinstance(value, float) and abs(value) < 1e38:  # not a mask's
                return float(np.float32(value))
            return torch.float64 if self.widen and value is torch.float32 else value
        if function is torch.Tensor.float and self.widen:
            return args[0].double()
        if function is nn.functional.hardsigmoid and self.as_in_files:
            return torch.clamp(args[0] * float(np.float32(1 / 6)) + .5, 0, 1)
        return function(*map(wide, args), **{k: wide(v) for k, v in (kwargs or {}).items()})


class OneOutput(nn.Module):
    """The module with inputs by position and one tensor as its output; parameters keep their names."""

    def __init__(self, module, names, pick):
        super().__init__()
        self.module, self.names, self.pick = module, names, pick

    def forward(self, *inputs):
        output = self.module(**dict(zip(self.names, inputs)))
        return output if self.pick is None else self.pick(output)


def build(name, dtype):
    """Returns (module with one output, inputs by name). Parameters and statistics are perturbed, so that no two are equal and
    no gradient is zero because a fresh value is."""
    torch.manual_seed(0)
    module, inputs, pick = CASES[name]()
    module = module.double()
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (p for p in module.parameters() if p.requires_grad):
            parameter.add_(.02 * torch.randn(parameter.shape, generator=noise, dtype=torch.float64))
        for key, buffer in module.named_buffers():
            if key.endswith(('running_mean', 'running_var')):
                buffer.add_(.2 * torch.rand(buffer.shape, generator=noise, dtype=torch.float64))
        for part in module.modules():  # a file holds epsilon and 1/sqrt(d) as float32
            for key in ('eps', 'variance_epsilon', 'negative_slope', 'scaling', 'scale'):
                if isinstance(getattr(part, key, None), float):
                    setattr(part, key, float(np.float32(getattr(part, key))))
    wrapped = OneOutput(module.to(dtype), list(inputs), pick)
    return wrapped, {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
