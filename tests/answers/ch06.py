"""Answers to chapter 06 as students write them, made before the checks were read."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("06")
wrong, right = answers.wrong, answers.right


# saturation_jitter(images, draws, strength)


WEIGHTS = (0.299, 0.587, 0.114)


def _grey(images, weights=WEIGHTS):
    return (torch.tensor(weights)[:, None, None] * images).sum(1, keepdim=True)


def _mix(images, factor, grey):
    factor = factor[:, None, None, None]
    return (factor * images + (1 - factor) * grey).clamp(0, 1)


def _factor(draws, strength):
    low, high = max(0, 1 - strength), 1 + strength
    return low + (high - low) * draws


def _jitter(images, draws, strength):
    return _mix(images, _factor(draws, strength), _grey(images))


def _low_below_zero(images, draws, strength):
    return _mix(images, 1 + strength * (2 * draws - 1), _grey(images))


def _factor_clamped(images, draws, strength):
    return _mix(images, (1 + strength * (2 * draws - 1)).clamp(min=0), _grey(images))


def _factor_reflected(images, draws, strength):
    return _mix(images, (1 + strength * (2 * draws - 1)).abs(), _grey(images))


def _low_reflected(images, draws, strength):
    low, high = abs(1 - strength), 1 + strength
    return _mix(images, low + (high - low) * draws, _grey(images))


def _strength_at_most_one(images, draws, strength):
    return _jitter(images, draws, min(strength, 1))


def _only_upwards(images, draws, strength):
    return _mix(images, 1 + strength * draws, _grey(images))


def _half_the_range(images, draws, strength):
    return _mix(images, 1 + strength * (draws - 0.5), _grey(images))


def _range_from_zero(images, draws, strength):
    return _mix(images, (1 + strength) * draws, _grey(images))


def _draw_times_high(images, draws, strength):
    low, high = max(0, 1 - strength), 1 + strength
    return _mix(images, low + high * draws, _grey(images))


def _draws_downwards(images, draws, strength):
    return _jitter(images, 1 - draws, strength)


def _one_draw_for_all(images, draws, strength):
    return _jitter(images, draws[:1].expand(len(draws)), strength)


def _mean_of_the_draws(images, draws, strength):
    return _jitter(images, draws.mean().expand(len(draws)), strength)


def _draws_of_its_own(images, draws, strength):
    generator = torch.Generator().manual_seed(0)
    return _jitter(images, torch.rand(len(images), generator=generator), strength)


def _draws_ignored(images, draws, strength):
    return _jitter(images, torch.ones_like(draws), strength)


def _factors_along_the_width(images, draws, strength):
    factor = _factor(draws, strength)
    return (factor * images + (1 - factor) * _grey(images)).clamp(0, 1)


def _factors_along_the_channels(images, draws, strength):
    factor = _factor(draws, strength)[:, None, None]
    return (factor * images + (1 - factor) * _grey(images)).clamp(0, 1)


def _no_clamp(images, draws, strength):
    factor = _factor(draws, strength)[:, None, None, None]
    return factor * images + (1 - factor) * _grey(images)


def _clamp_below_only(images, draws, strength):
    return _no_clamp(images, draws, strength).clamp(min=0)


def _clamp_above_only(images, draws, strength):
    return _no_clamp(images, draws, strength).clamp(max=1)


def _clamp_to_255(images, draws, strength):
    return _no_clamp(images, draws, strength).clamp(0, 255)


def _clamp_not_kept(images, draws, strength):
    view = _no_clamp(images, draws, strength)
    view.clamp(0, 1)
    return view


def _clamp_too_early(images, draws, strength):
    factor = _factor(draws, strength)[:, None, None, None]
    return (factor * images).clamp(0, 1) + (1 - factor) * _grey(images)


def _stretched_instead_of_clamped(images, draws, strength):
    view = _no_clamp(images, draws, strength)
    return (view - view.amin()) / (view.amax() - view.amin())


def _sigmoid_instead_of_clamp(images, draws, strength):
    return _no_clamp(images, draws, strength).sigmoid()


def _image_and_grey_swapped(images, draws, strength):
    factor = _factor(draws, strength)
    return _mix(images, 1 - factor, _grey(images))


def _brightness(images, draws, strength):
    return (_factor(draws, strength)[:, None, None, None] * images).clamp(0, 1)


def _contrast(images, draws, strength):
    grey = _grey(images).mean((1, 2, 3), keepdim=True)
    return _mix(images, _factor(draws, strength), grey)


def _plain_mean(images, draws, strength):
    return _mix(images, _factor(draws, strength), images.mean(1, keepdim=True))


def _sum_of_channels(images, draws, strength):
    return _mix(images, _factor(draws, strength), images.sum(1, keepdim=True))


def _blue_first(images, draws, strength):
    return _mix(images, _factor(draws, strength), _grey(images, WEIGHTS[::-1]))


def _television_weights(images, draws, strength):
    return _mix(images, _factor(draws, strength), _grey(images, (0.2126, 0.7152, 0.0722)))


def _typing_slip(images, draws, strength):
    return _mix(images, _factor(draws, strength), _grey(images, (0.299, 0.578, 0.114)))


def _brightest_channel(images, draws, strength):
    return _mix(images, _factor(draws, strength), images.amax(1, keepdim=True))


def _grey_of_the_batch(images, draws, strength):
    return _mix(images, _factor(draws, strength), _grey(images).mean(0, keepdim=True))


def _plus_grey(images, draws, strength):
    factor = _factor(draws, strength)[:, None, None, None]
    return (factor * images + _grey(images)).clamp(0, 1)


def _red_channel_only(images, draws, strength):
    factor = _factor(draws, strength)[:, None, None, None]
    return ((1 - factor) * _grey(images) + factor * images[:, :1]).clamp(0, 1)


def _byte_images(images, draws, strength):
    return (255 * _jitter(images, draws, strength)).round().byte()


def _printed_jitter(images, draws, strength):
    print(_jitter(images, draws, strength))


wrong("saturation_jitter", "low falls below 0 beyond strength 1", _low_below_zero)
wrong("saturation_jitter", "factor clamped: uneven beyond strength 1", _factor_clamped)
wrong("saturation_jitter", "factor's absolute value", _factor_reflected)
wrong("saturation_jitter", "abs(1 - strength) for low", _low_reflected)
wrong("saturation_jitter", "strength clamped to 1", _strength_at_most_one)
wrong("saturation_jitter", "factor from 1 upwards only", _only_upwards)
wrong("saturation_jitter", "half the range: draws - 0.5", _half_the_range)
wrong("saturation_jitter", "factor from 0 to 1 + strength", _range_from_zero)
wrong("saturation_jitter", "low + high * draw", _draw_times_high)
wrong("saturation_jitter", "draw 0 gives the largest factor", _draws_downwards)
wrong("saturation_jitter", "first draw for the whole batch", _one_draw_for_all)
wrong("saturation_jitter", "mean of the draws for the whole batch", _mean_of_the_draws)
wrong("saturation_jitter", "draws anew and ignores the draws", _draws_of_its_own)
wrong("saturation_jitter", "draws not used: always 1 + strength", _draws_ignored)
wrong("saturation_jitter", "factors meet the columns of pixels", _factors_along_the_width)
wrong("saturation_jitter", "factors meet the channels", _factors_along_the_channels)
wrong("saturation_jitter", "no clamp", _no_clamp)
wrong("saturation_jitter", "clamps below only", _clamp_below_only)
wrong("saturation_jitter", "clamps above only", _clamp_above_only)
wrong("saturation_jitter", "clamps to 255", _clamp_to_255)
wrong("saturation_jitter", "clamps, but returns the unclamped", _clamp_not_kept)
wrong("saturation_jitter", "clamps before grey is added", _clamp_too_early)
wrong("saturation_jitter", "stretched to 0 and 1, not clamped", _stretched_instead_of_clamped)
wrong("saturation_jitter", "sigmoid instead of clamp", _sigmoid_instead_of_clamp)
wrong("saturation_jitter", "image and grey swapped", _image_and_grey_swapped)
wrong("saturation_jitter", "brightness", _brightness)
wrong("saturation_jitter", "contrast: the image's mean grey", _contrast)
wrong("saturation_jitter", "grey is the plain mean of channels", _plain_mean)
wrong("saturation_jitter", "grey is the sum of channels", _sum_of_channels)
wrong("saturation_jitter", "weights in the order blue, green, red", _blue_first)
wrong("saturation_jitter", "weights of another standard, BT.709", _television_weights)
wrong("saturation_jitter", "0.578 for 0.587", _typing_slip)
wrong("saturation_jitter", "grey is the brightest channel", _brightest_channel)
wrong("saturation_jitter", "grey averaged over the batch", _grey_of_the_batch)
wrong("saturation_jitter", "grey without its factor", _plus_grey)
wrong("saturation_jitter", "red only: (B, 1, H, W)", _red_channel_only)
wrong("saturation_jitter", "bytes from 0 to 255", _byte_images)
wrong("saturation_jitter", "prints instead of returning", _printed_jitter)


def _jitter_loop(images, draws, strength):
    views = []
    for image, draw in zip(images, draws):
        r, g, b = image
        grey = 0.299 * r + 0.587 * g + 0.114 * b
        s = max(0.0, 1.0 - strength) * (1 - draw) + (1 + strength) * draw
        views.append(torch.clip(grey + s * (image - grey), 0, 1))
    return torch.stack(views)


def _jitter_lerp(images, draws, strength):
    grey = torch.einsum("bchw,c->bhw", images, images.new_tensor(WEIGHTS)).unsqueeze(1)
    factor = _factor(draws, strength).view(-1, 1, 1, 1)
    return torch.lerp(grey.expand_as(images), images, factor.to(images)).clamp_(0, 1)


def _jitter_matrix(x, u, k):
    s = _factor(u, k)[:, None, None]
    grey = torch.ones(3, 1) @ torch.tensor([WEIGHTS])
    matrix = s * torch.eye(3) + (1 - s) * grey  # (B, 3, 3)
    return (matrix @ x.flatten(2)).reshape(x.shape).clamp(0, 1)


def _jitter_convolution(images, draws, strength):
    grey = F.conv2d(images, torch.tensor(WEIGHTS).view(1, 3, 1, 1))
    factor = torch.stack([_factor(d, strength) for d in draws]).reshape(len(images), 1, 1, 1)
    return torch.minimum(torch.relu(grey + factor * (images - grey)), torch.tensor(1.0))


def _jitter_numpy(images, draws, strength):
    x = images.numpy().astype(np.float64)
    factor = np.interp(draws.numpy(), [0, 1], [max(0, 1 - strength), 1 + strength])
    grey = np.tensordot(x, WEIGHTS, axes=([1], [0]))[:, None]
    factor = factor.reshape(-1, 1, 1, 1)
    return torch.from_numpy(np.clip(factor * x + (1 - factor) * grey, 0, 1))


def _jitter_in_place(images, draws, strength):
    views = torch.empty_like(images)
    grey = (images.movedim(1, -1) @ torch.tensor(WEIGHTS)).clone()
    for i in range(len(images)):
        for c in range(3):
            f = _factor(draws[i].item(), strength)
            views[i, c] = f * images[i, c] + (1 - f) * grey[i]
    return views.clamp_(min=0, max=1)


right("saturation_jitter", "a loop over the images", _jitter_loop)
right("saturation_jitter", "einsum and lerp", _jitter_lerp)
right("saturation_jitter", "one matrix an image, other argument names", _jitter_matrix)
right("saturation_jitter", "grey as a convolution, relu and minimum", _jitter_convolution)
right("saturation_jitter", "numpy in float64, back to a tensor", _jitter_numpy)
right("saturation_jitter", "fills a new tensor channel by channel", _jitter_in_place)


# mixup_labels(labels, partners, share, n_classes): partners are classes


def _soft(labels, partners, share, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(partners, n_classes)
    return share[:, None] * own + (1 - share[:, None]) * other


def _overwritten(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, labels] = share
    soft[rows, partners] = 1 - share
    return soft


def _overwritten_in_turn(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, partners] = 1 - share
    soft[rows, labels] = share
    return soft


def _overwritten_by_scatter(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    soft.scatter_(1, labels[:, None], share[:, None])
    return soft.scatter_(1, partners[:, None], 1 - share[:, None])


def _larger_of_both(labels, partners, share, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(partners, n_classes)
    return torch.maximum(share[:, None] * own, (1 - share[:, None]) * other)


def _shares_swapped(labels, partners, share, n_classes):
    return _soft(labels, partners, 1 - share, n_classes)


def _partners_as_places(labels, partners, share, n_classes):
    return _soft(labels, labels[partners % len(labels)], share, n_classes)


def _share_meets_the_classes(labels, partners, share, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(partners, n_classes)
    return share * own + (1 - share) * other


def _one_share_for_all(labels, partners, share, n_classes):
    return _soft(labels, partners, share[:1].expand(len(labels)), n_classes)


def _mean_share(labels, partners, share, n_classes):
    return _soft(labels, partners, share.mean().expand(len(labels)), n_classes)


def _always_half(labels, partners, share, n_classes):
    return _soft(labels, partners, torch.full_like(share, 0.5), n_classes)


def _larger_share_first(labels, partners, share, n_classes):
    return _soft(labels, partners, torch.maximum(share, 1 - share), n_classes)


def _own_part_only(labels, partners, share, n_classes):
    return share[:, None] * F.one_hot(labels, n_classes)


def _both_with_share(labels, partners, share, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(partners, n_classes)
    return share[:, None] * (own + other)


def _hard_labels(labels, partners, share, n_classes):
    return F.one_hot(torch.where(share >= 0.5, labels, partners), n_classes)


def _numbers_mixed(labels, partners, share, n_classes):
    return share * labels + (1 - share) * partners


def _numbers_mixed_then_one_hot(labels, partners, share, n_classes):
    mixed = (share * labels + (1 - share) * partners).round().long()
    return F.one_hot(mixed, n_classes).float()


def _softmax_at_the_end(labels, partners, share, n_classes):
    return _soft(labels, partners, share, n_classes).softmax(1)


def _normalised_by_length(labels, partners, share, n_classes):
    return F.normalize(_soft(labels, partners, share, n_classes), dim=1)


def _normalised_columns(labels, partners, share, n_classes):
    soft = _soft(labels, partners, share, n_classes)
    return soft / soft.sum(0).clamp(min=1e-9)


def _smoothed(labels, partners, share, n_classes):
    return 0.9 * _soft(labels, partners, share, n_classes) + 0.1 / n_classes


def _transposed(labels, partners, share, n_classes):
    return _soft(labels, partners, share, n_classes).T


def _eight_classes(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), 8)
    rows = torch.arange(len(labels))
    soft[rows, labels] += share
    soft[rows, partners] += 1 - share
    return soft


def _largest_label_decides(labels, partners, share, n_classes):
    seen = int(torch.cat([labels, partners]).max())  # forgot to add 1 for class 0
    return _soft(labels, partners, share, n_classes)[:, :seen]


def _whole_numbers(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes, dtype=torch.long)
    rows = torch.arange(len(labels))
    soft[rows, labels] += share.long()
    soft[rows, partners] += (1 - share).long()
    return soft


def _all_rows_at_once(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    soft[:, labels] += share[:, None]
    soft[:, partners] += 1 - share[:, None]
    return soft


def _rolled_partners(labels, partners, share, n_classes):
    return _soft(labels, labels.roll(1), share, n_classes)


def _same_class_gets_share(labels, partners, share, n_classes):
    same = labels == partners
    other = torch.where(same[:, None], 0, F.one_hot(partners, n_classes))
    return share[:, None] * F.one_hot(labels, n_classes) + (1 - share[:, None]) * other


def _same_class_doubled(labels, partners, share, n_classes):
    soft = _overwritten(labels, partners, share, n_classes)
    same = labels == partners
    soft[same, labels[same]] = 2
    return soft


def _tuple_of_labels(labels, partners, share, n_classes):
    return F.one_hot(labels, n_classes), F.one_hot(partners, n_classes), share


def _first_row_only(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    for i in range(len(labels)):
        soft[i, labels[i]] += share[i]
        soft[i, partners[i]] += 1 - share[i]
        return soft


def _printed_soft(labels, partners, share, n_classes):
    print(_soft(labels, partners, share, n_classes))


wrong("mixup_labels", "the stub: overwrites its own class", _overwritten)
wrong("mixup_labels", "partner first, then overwritten by itself", _overwritten_in_turn)
wrong("mixup_labels", "scatter twice overwrites too", _overwritten_by_scatter)
wrong("mixup_labels", "larger of both parts instead of the sum", _larger_of_both)
wrong("mixup_labels", "partner of the same class left out", _same_class_gets_share)
wrong("mixup_labels", "same class gets a 2", _same_class_doubled)
wrong("mixup_labels", "shares swapped", _shares_swapped)
wrong("mixup_labels", "partners taken for places in the batch", _partners_as_places)
wrong("mixup_labels", "partners not used: labels rolled by one", _rolled_partners)
wrong("mixup_labels", "share broadcast over the classes", _share_meets_the_classes)
wrong("mixup_labels", "first share for the whole batch", _one_share_for_all)
wrong("mixup_labels", "mean share for the whole batch", _mean_share)
wrong("mixup_labels", "always half and half", _always_half)
wrong("mixup_labels", "larger share always to the image", _larger_share_first)
wrong("mixup_labels", "partner forgotten", _own_part_only)
wrong("mixup_labels", "partner also gets share", _both_with_share)
wrong("mixup_labels", "hard label of the larger share", _hard_labels)
wrong("mixup_labels", "class numbers blended: (B,)", _numbers_mixed)
wrong("mixup_labels", "class numbers blended, rounded, one-hot", _numbers_mixed_then_one_hot)
wrong("mixup_labels", "softmax at the end", _softmax_at_the_end)
wrong("mixup_labels", "rows of length 1 instead of sum 1", _normalised_by_length)
wrong("mixup_labels", "divided by the sum of columns", _normalised_columns)
wrong("mixup_labels", "smoothed labels on top", _smoothed)
wrong("mixup_labels", "(n_classes, B)", _transposed)
wrong("mixup_labels", "eight classes, as in the chapter", _eight_classes)
wrong("mixup_labels", "as wide as the largest label", _largest_label_decides)
wrong("mixup_labels", "shares cut to whole numbers", _whole_numbers)
wrong("mixup_labels", "every row gets every label", _all_rows_at_once)
wrong("mixup_labels", "three things instead of one", _tuple_of_labels)
wrong("mixup_labels", "return in the loop: first row only", _first_row_only)
wrong("mixup_labels", "prints instead of returning", _printed_soft)


def _soft_added(labels, partners, share, n_classes):
    soft = torch.zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, labels] += share
    soft[rows, partners] += 1 - share
    return soft


def _soft_scattered(labels, partners, share, n_classes):
    columns = torch.stack([labels, partners], dim=1)
    weights = torch.stack([share, 1 - share], dim=1)
    return torch.zeros(len(labels), n_classes).to(share).scatter_add_(1, columns, weights)


def _soft_where(a, b, lam, c):
    mixed = torch.zeros(len(a), c)
    for i, (own, other, s) in enumerate(zip(a.tolist(), b.tolist(), lam.tolist())):
        if own == other:
            mixed[i, own] = 1
        else:
            mixed[i, own], mixed[i, other] = s, 1 - s
    return mixed


def _soft_lerp(labels, partners, share, n_classes):
    eye = torch.eye(n_classes, dtype=share.dtype)
    return torch.lerp(eye[partners], eye[labels], share.unsqueeze(1))


def _soft_compared(labels, partners, share, n_classes):
    classes = torch.arange(n_classes)
    own = (labels[:, None] == classes).double()
    other = (partners[:, None] == classes).double()
    return torch.einsum("b,bc->bc", share.double(), own - other) + other


def _soft_numpy(labels, partners, share, n_classes):
    soft = np.zeros((len(labels), n_classes))
    rows = np.arange(len(labels))
    np.add.at(soft, (rows, labels.numpy()), share.numpy())
    np.add.at(soft, (rows, partners.numpy()), 1 - share.numpy())
    return torch.from_numpy(soft)


right("mixup_labels", "the stub with += twice", _soft_added)
right("mixup_labels", "scatter_add of both columns", _soft_scattered)
right("mixup_labels", "a loop with the own class apart, other names", _soft_where)
right("mixup_labels", "lerp between rows of the identity", _soft_lerp)
right("mixup_labels", "comparisons and einsum in float64", _soft_compared)
right("mixup_labels", "numpy add.at, back to a tensor", _soft_numpy)


# kept_share(width, height, x, y, share)


def _box(width, height, x, y, side_x, side_y):
    across = max(0, min(x + side_x / 2, width) - max(x - side_x / 2, 0))
    down = max(0, min(y + side_y / 2, height) - max(y - side_y / 2, 0))
    return across, down


def _kept(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / (width * height)


def _no_root(width, height, x, y, share):
    side = 1 - share
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / (width * height)


def _root_of_share(width, height, x, y, share):
    return _kept(width, height, x, y, 1 - share)


def _side_minus_root(width, height, x, y, share):
    side = 1 - math.sqrt(share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / (width * height)


def _not_halved(width, height, x, y, share):
    side = 2 * math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / (width * height)


def _corner_not_middle(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across = min(x + width * side, width) - x
    down = min(y + height * side, height) - y
    return 1 - across * down / (width * height)


def _whole_pixels(width, height, x, y, share):
    cut_w, cut_h = int(width * math.sqrt(1 - share)), int(height * math.sqrt(1 - share))
    x1, x2 = max(int(x) - cut_w // 2, 0), min(int(x) + cut_w // 2, width)
    y1, y2 = max(int(y) - cut_h // 2, 0), min(int(y) + cut_h // 2, height)
    return 1 - (x2 - x1) * (y2 - y1) / (width * height)


def _clipped_at_the_left_only(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    across = x + width * half - max(x - width * half, 0)
    down = y + height * half - max(y - height * half, 0)
    return 1 - across * down / (width * height)


def _clipped_at_the_right_only(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    across = min(x + width * half, width) - (x - width * half)
    down = min(y + height * half, height) - (y - height * half)
    return 1 - across * down / (width * height)


def _clipped_across_only(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, _ = _box(width, height, x, y, width * side, height * side)
    return 1 - across * height * side / (width * height)


def _clipped_down_only(width, height, x, y, share):
    side = math.sqrt(1 - share)
    _, down = _box(width, height, x, y, width * side, height * side)
    return 1 - down * width * side / (width * height)


def _pushed_inside(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    x = min(max(x, width * half), width - width * half)
    y = min(max(y, height * half), height - height * half)
    return _kept(width, height, x, y, share)


def _pasted_share(width, height, x, y, share):
    return 1 - _kept(width, height, x, y, share)


def _pixels_kept(width, height, x, y, share):
    return width * height * _kept(width, height, x, y, share)


def _divided_by_the_box(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / (width * height * side**2 + 1e-12)


def _divided_by_a_square(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / width**2


def _shorter_side_decides(width, height, x, y, share):
    side = min(width, height) * math.sqrt(1 - share)
    across, down = _box(width, height, x, y, side, side)
    return 1 - across * down / (width * height)


def _x_and_y_swapped(width, height, x, y, share):
    return _kept(width, height, y, x, share)


def _sides_swapped(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, height * side, width * side)
    return 1 - across * down / (width * height)


def _clipped_to_the_width_twice(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    across = min(x + width * half, width) - max(x - width * half, 0)
    down = min(y + height * half, width) - max(y - height * half, 0)
    return 1 - across * down / (width * height)


def _last_pixel_as_edge(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    across = min(x + width * half, width - 1) - max(x - width * half, 0)
    down = min(y + height * half, height - 1) - max(y - height * half, 0)
    return 1 - across * down / (width * height)


def _one_pixel_more(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - (across + 1) * (down + 1) / (width * height)


def _area_of_32(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - across * down / 1024


def _lengths_subtracted(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return (1 - across / width) * (1 - down / height)


def _mean_of_both_sides(width, height, x, y, share):
    side = math.sqrt(1 - share)
    across, down = _box(width, height, x, y, width * side, height * side)
    return 1 - (across / width + down / height) / 2


def _overhang_is_added_to_the_share(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    over = max(0, x + width * half - width) + max(0, width * half - x)
    under = max(0, y + height * half - height) + max(0, height * half - y)
    return share + over * under / (width * height)


def _centre_in_shares(width, height, x, y, share):
    return _kept(width, height, x * width, y * height, share)


def _min_and_max_swapped(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    across = max(x + width * half, width) - min(x - width * half, 0)
    down = max(y + height * half, height) - min(y - height * half, 0)
    return 1 - across * down / (width * height)


def _times_the_asked_share(width, height, x, y, share):
    return share * _kept(width, height, x, y, share)


def _quarter_at_every_edge(width, height, x, y, share):
    half = math.sqrt(1 - share) / 2
    inside = width * half <= x <= width - width * half
    inside = inside and height * half <= y <= height - height * half
    return share if inside else 1 - (1 - share) / 4


def _rounded_share(width, height, x, y, share):
    return round(_kept(width, height, x, y, share), 1)


def _percent_kept(width, height, x, y, share):
    return 100 * _kept(width, height, x, y, share)


def _printed_kept(width, height, x, y, share):
    print(_kept(width, height, x, y, share))


wrong("kept_share", "the stub: the share asked for", lambda width, height, x, y, share: share)
wrong("kept_share", "no square root", _no_root)
wrong("kept_share", "root of the share, not of the rest", _root_of_share)
wrong("kept_share", "side 1 - root of the share", _side_minus_root)
wrong("kept_share", "whole side to either direction", _not_halved)
wrong("kept_share", "x, y as the box's corner", _corner_not_middle)
wrong("kept_share", "cut to whole pixels, as published code", _whole_pixels)
wrong("kept_share", "clipped at 0 only", _clipped_at_the_left_only)
wrong("kept_share", "clipped at the far edges only", _clipped_at_the_right_only)
wrong("kept_share", "clipped across only", _clipped_across_only)
wrong("kept_share", "clipped down only", _clipped_down_only)
wrong("kept_share", "box pushed inside instead of clipped", _pushed_inside)
wrong("kept_share", "share that is pasted", _pasted_share)
wrong("kept_share", "pixels kept, not their share", _pixels_kept)
wrong("kept_share", "share of the box, not of the image", _divided_by_the_box)
wrong("kept_share", "divided by width squared", _divided_by_a_square)
wrong("kept_share", "square box of the shorter side", _shorter_side_decides)
wrong("kept_share", "x and y swapped", _x_and_y_swapped)
wrong("kept_share", "width and height of the box swapped", _sides_swapped)
wrong("kept_share", "down clipped to the width", _clipped_to_the_width_twice)
wrong("kept_share", "edge at width - 1", _last_pixel_as_edge)
wrong("kept_share", "counts one pixel more each way", _one_pixel_more)
wrong("kept_share", "image is always 32 by 32", _area_of_32)
wrong("kept_share", "product of both rests", _lengths_subtracted)
wrong("kept_share", "mean of both sides instead of product", _mean_of_both_sides)
wrong("kept_share", "adds only the overhanging corner", _overhang_is_added_to_the_share)
wrong("kept_share", "middle taken for shares of the sides", _centre_in_shares)
wrong("kept_share", "min and max swapped", _min_and_max_swapped)
wrong("kept_share", "times the share asked for", _times_the_asked_share)
wrong("kept_share", "at any edge a quarter of the box", _quarter_at_every_edge)
wrong("kept_share", "rounded to one decimal", _rounded_share)
wrong("kept_share", "percent", _percent_kept)
wrong("kept_share", "prints instead of returning", _printed_kept)


def _kept_relative(w, h, cx, cy, lam):
    half = (1 - lam) ** 0.5 / 2
    lengths = []
    for middle in (cx / w, cy / h):
        lengths.append(min(1, middle + half) - max(0, middle - half))
    return 1 - lengths[0] * lengths[1]


def _kept_numpy(width, height, x, y, share):
    half = np.sqrt(1 - share) / 2 * np.array([width, height])
    middle, size = np.array([x, y]), np.array([width, height])
    ends = np.clip([middle - half, middle + half], 0, size)
    return 1 - np.prod(np.diff(ends, axis=0)) / np.prod(size)


def _kept_torch(width, height, x, y, share):
    size = torch.tensor([width, height], dtype=torch.float64)
    middle = torch.tensor([x, y], dtype=torch.float64)
    half = size * (1 - torch.as_tensor(share, dtype=torch.float64)).sqrt() / 2
    start, end = (middle - half).clamp(min=0), torch.minimum(middle + half, size)
    return 1 - ((end - start) / size).prod()


def _kept_lost_parts(width, height, x, y, share):
    box_w, box_h = width * (1 - share) ** 0.5, height * (1 - share) ** 0.5
    left = max(0, box_w / 2 - x)
    over = max(0, x + box_w / 2 - width)
    above = max(0, box_h / 2 - y)
    below = max(0, y + box_h / 2 - height)
    pasted = (box_w - left - over) * (box_h - above - below)
    return (width * height - pasted) / (width * height)


def _kept_strips(width, height, x, y, share):
    half_w, half_h = width * math.sqrt(1 - share) / 2, height * math.sqrt(1 - share) / 2
    left, end = np.clip(x - half_w, 0, width), np.clip(x + half_w, 0, width)
    top, bottom = np.clip(y - half_h, 0, height), np.clip(y + half_h, 0, height)
    beside = (left + width - end) * height
    return (beside + (end - left) * (top + height - bottom)) / (width * height)


right("kept_share", "everything as shares of a side, other names", _kept_relative)
right("kept_share", "numpy clip, an np.float64", _kept_numpy)
right("kept_share", "a 0-d float64 tensor", _kept_torch)
right("kept_share", "subtracts what hangs over each edge", _kept_lost_parts)
right("kept_share", "adds the strips around the box", _kept_strips)


# colour_views: options of simclr_view that keep the hue and change what does not matter

still = {"scale": (1.0, 1.0), "radians": 0.0, "flip": 0.0}

wrong("colour_views", "the book's strong view", {})
wrong("colour_views", "jitter off, a fifth still grey", {"jitter": 0.0})
wrong("colour_views", "never grey, but any hue", {"grayscale": 0.0})
wrong("colour_views", "half the jitter still turns the hue", {"jitter": 0.5, "grayscale": 0.0})
wrong("colour_views", "double jitter", {"jitter": 2.0, "grayscale": 0.0})
wrong("colour_views", "all grey, colours left alone", {"jitter": 0.0, "grayscale": 1.0})
wrong("colour_views", "half of them grey", {"jitter": 0.0, "grayscale": 0.5})
wrong("colour_views", "nothing changes at all", still | {"jitter": 0.0, "grayscale": 0.0})
wrong("colour_views", "colour changes only, for shapes", still)
wrong("colour_views", "colours changed, place kept", still | {"jitter": 1.0, "grayscale": 0.2})
wrong(
    "colour_views",
    "geometry strong, colour forgotten",
    {"scale": (0.4, 1.0), "radians": math.pi, "flip": 0.5},
)
wrong("colour_views", "an option that does not exist: hue", {"hue": 0.0, "grayscale": 0.0})
wrong(
    "colour_views",
    "color_jitter's options",
    {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0},
)
wrong("colour_views", "American and British spelling", {"jitter": 0.0, "greyscale": 0.0})
wrong(
    "colour_views",
    "scale upside down",
    {"scale": (1.0, 0.4), "jitter": 0.0, "grayscale": 0.0},
)
wrong("colour_views", "scale as one number", {"scale": 0.4, "jitter": 0.0, "grayscale": 0.0})
wrong(
    "colour_views",
    "scale above 1",
    {"scale": (0.5, 1.5), "jitter": 0.0, "grayscale": 0.0},
)
wrong("colour_views", "negative jitter", {"jitter": -0.1, "grayscale": 0.0})
wrong("colour_views", "probability in percent", {"jitter": 0.0, "grayscale": 0.0, "flip": 50})
wrong("colour_views", "names of the options only", {"jitter", "grayscale"})
wrong("colour_views", "names in a list", ["scale", "radians", "flip"])
wrong("colour_views", "values without names", (0.4, 1.0))
wrong("colour_views", "words for values", {"jitter": "none", "grayscale": "none"})
wrong("colour_views", "text of a dictionary", '{"jitter": 0.0, "grayscale": 0.0}')
wrong("colour_views", "nothing", None)
wrong(
    "colour_views",
    "only blur changes, and grey comes back",
    still | {"blur": 1.0, "jitter": 0.0},
)

right("colour_views", "only both colour options off", {"jitter": 0.0, "grayscale": 0.0})
right("colour_views", "whole numbers", {"jitter": 0, "grayscale": 0, "radians": 3, "flip": 1})
right(
    "colour_views",
    "all six options spelt out",
    {
        "scale": (0.5, 1.0),
        "radians": math.pi,
        "flip": 0.5,
        "jitter": 0.0,
        "grayscale": 0.0,
        "blur": 0.5,
    },
)
right(
    "colour_views",
    "built by dict, scale as a list",
    dict(scale=[0.4, 1.0], radians=np.pi, jitter=0.05, grayscale=0.0),
)
right(
    "colour_views",
    "a little jitter, blur too",
    {"scale": (0.3, 0.9), "radians": 1.5, "jitter": 0.1, "grayscale": 0.0, "blur": 0.3},
)


# label_changing_views: {"mirror image", "half turn"}

wrong("label_changing_views", "the stub: noise", {"noise"})
wrong("label_changing_views", "mirror only", {"mirror image"})
wrong("label_changing_views", "half turn only", {"half turn"})
wrong("label_changing_views", "every turn", {"mirror image", "half turn", "small turn"})
wrong("label_changing_views", "noise added", {"mirror image", "half turn", "noise"})
wrong("label_changing_views", "crop added", {"mirror image", "half turn", "crop of 80 %"})
wrong("label_changing_views", "shift added", {"mirror image", "half turn", "shift by a pixel"})
wrong("label_changing_views", "turns, no mirror", {"half turn", "small turn"})
wrong("label_changing_views", "mirror and small turn", {"mirror image", "small turn"})
wrong("label_changing_views", "mirror and crop", {"mirror image", "crop of 80 %"})
wrong(
    "label_changing_views",
    "those that keep the digit",
    {"small turn", "shift by a pixel", "noise", "crop of 80 %"},
)
wrong(
    "label_changing_views",
    "all six",
    {"mirror image", "half turn", "small turn", "shift by a pixel", "noise", "crop of 80 %"},
)
wrong(
    "label_changing_views",
    "all but the noise",
    {"mirror image", "half turn", "small turn", "shift by a pixel", "crop of 80 %"},
)
wrong("label_changing_views", "none", set())
wrong("label_changing_views", "an empty dictionary, meant as a set", {})
wrong("label_changing_views", "both names in one string", {"mirror image, half turn"})
wrong("label_changing_views", "set of a string: its letters", set("half turn"))
wrong("label_changing_views", "names that were not given", {"flip", "rotation"})
wrong("label_changing_views", "digits instead of views", {2, 6, 9})
wrong("label_changing_views", "comparison instead of a set", "mirror image" == "half turn")
wrong("label_changing_views", "nothing", None)

right("label_changing_views", "the other order", {"half turn", "mirror image"})
right("label_changing_views", "set of a list", set(["mirror image", "half turn"]))
right("label_changing_views", "a frozen set", frozenset(("half turn", "mirror image")))
right("label_changing_views", "union of two sets", {"mirror image"} | {"half turn"})
right(
    "label_changing_views",
    "all without the harmless ones",
    {"mirror image", "half turn", "small turn", "shift by a pixel", "noise", "crop of 80 %"}
    - {"small turn", "shift by a pixel", "noise", "crop of 80 %"},
)
