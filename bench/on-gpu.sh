#!/bin/bash
# Measures fast-vlm on a Linux machine with a GPU that has no network, no Node and no
# browser. Run it beside the files that `node bench/pack-for-gpu.mjs` wrote:
#
#   bash on-gpu.sh [OUT]      OUT: folder of the records, default ./records
#
# Every step has a time limit; all together take at most eight minutes. A step that
# fails is reported and the next one runs. The records of finished steps are kept.
#
# A rehearsal without a GPU uses the software adapter, a smaller model and longer limits:
#   SOFTWARE=1 PATIENCE=10 MODEL=tiny-wide SIZE=128 ENCODER=fp32 DECODER=fp32 \
#     DTYPE=fp32 bash on-gpu.sh
set -u

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-records}"
out=$(cd "${1:-records}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=${MODEL:-fastvlm-0.5b}
size=${SIZE:-1024}
failures=0
began=$SECONDS

log() { echo "[$((SECONDS - began)) s] $*" | tee -a "$out/log.txt"; }

# step LIMIT NAME COMMAND...: the output goes to NAME.txt.
step() {
  local limit=$(($1 * ${PATIENCE:-1})) name=$2 started=$SECONDS status=0
  shift 2
  timeout --kill-after=5 "$limit" "$@" >"$out/$name.txt" 2>&1 || status=$?
  case $status in
    0) log "$name: done in $((SECONDS - started)) s" ;;
    124 | 137) log "$name: stopped after its limit of $limit s" ;;
    *) log "$name: failed with status $status: $(tail -n 1 "$out/$name.txt")" ;;
  esac
  [ "$status" -eq 0 ] || failures=$((failures + 1))
  return "$status"
}

: >"$out/log.txt"
log "unpacking"
cat "$here"/fast-vlm.tar.xz.* | tar --extract --xz --directory="$work" || {
  log "the archive is incomplete, or tar or xz is missing"
  exit 1
}
cd "$work" || exit 1
export PATH="$work/programs:$PATH"
export CHROME_PATH="$work/programs/chromium"
# Containers often mount NVIDIA's driver where the Vulkan loader does not look.
driver=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
[ -e "$driver" ] && export VK_DRIVER_FILES=$driver

# The synthetic weights are written while the first steps use the GPU.
node --input-type=module --eval "
  import { openModel } from './bench/model-source.mjs';
  await (await openModel('$model')).close();
" >"$out/weights.txt" 2>&1 &
weights=$!

if [ -n "${SOFTWARE:-}" ]; then
  unset CHROME_FLAGS VK_DRIVER_FILES
  step 30 adapter node bench/adapter.mjs
else
  # Which flags show the GPU depends on the driver; the first that do are used.
  vulkan="--enable-features=Vulkan --ignore-gpu-blocklist --disable-vulkan-surface"
  for flags in "" " --use-angle=vulkan" " --use-angle=vulkan --use-vulkan=native"; do
    export CHROME_FLAGS="$vulkan$flags"
    step 15 adapter node bench/adapter.mjs --hardware && break
  done
  log "browser flags: $CHROME_FLAGS"
fi

# Their tests of 16-bit kernels run where the adapter has shader-f16.
step 90 self-tests node node_modules/vitest/vitest.mjs run --project=browser \
  workers/kernels
step 30 kernels-nano node bench/kernels.mjs --out "$out/kernels-nano.json"
step 40 nano node bench/bench.mjs --out "$out/nano.json" \
  --lineup transformers.js,fast-vlm,fast-vlm:no-draft,fast-vlm:ort
wait "$weights" || log "weights: failed: $(tail -n 1 "$out/weights.txt")"
step 60 "kernels-$model" node bench/kernels.mjs --model "$model" --size "$size" \
  --encoder "${ENCODER:-fp16}" --decoder "${DECODER:-q4f16}" \
  --out "$out/kernels-$model.json"
step 120 "$model" node bench/bench.mjs --model "$model" --size "$size" --frames 4 \
  --max-tokens 16 --out "$out/$model.json"
step 60 "$model-32-bit" node bench/bench.mjs --model "$model" --size "$size" \
  --dtype "${DTYPE:-q4}" --frames 2 --max-tokens 8 --out "$out/$model-32-bit.json"

log "finished: $failures of the steps failed"
[ "$failures" -eq 0 ]
