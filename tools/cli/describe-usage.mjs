// @ts-check
/** What `npm run describe -- --help` prints. */
export const usage = `Usage: npm run describe -- picture.png [more.jpg …] [options]
       npm run describe -- --models [--model MODEL] [--json]
       npm run describe -- --remove KEY

Prints what the model says about each picture.

  --prompt TEXT      the question (default "Describe the image.")
  --turn TEXT        another question after the answer; as often as wanted
  --together         all pictures in one conversation; else one by one
  --model MODEL      a name (nano, fastvlm-0.5b, …), an id on the hub
                     (owner/name or owner/name@revision), the URL of a mirror,
                     or a local folder (default nano)
  --hub URL          another hub than https://huggingface.co
  --consent          agree to the model's licence, having read it; remembered
  --fit FIT          how a picture is made square: letterbox (on black), crop
                     (its centre) or stretch (default letterbox)
  --size N           side of the encoder's input in pixels, a multiple of 64
                     (default: what the model was made for)
  --anyres           for documents: the picture and its four quarters
  --style STYLE      the conversation's form: reference or demo
                     (default reference)
  --max-tokens N     longest answer, in tokens (default 128)
  --device DEVICE    webgpu or wasm (default: what suits this machine)
  --dtype DTYPE      auto, fp32, fp16, q4, q4f16, or by graph:
                     vision_encoder=fp16,decoder_model_merged=q4, where a graph
                     that is left out is auto (default auto)
  --path PATH        auto, or plain: the graphs as they were published, not our
                     own of the same weights (default auto)
  --temperature T    0 is greedy (default 0)
  --top-k N          keep the N likeliest tokens (default 0: all)
  --top-p P          keep the likeliest tokens up to probability P (default 1)
  --repetition-penalty R   above 1 avoids repetition (default 1)
  --seed N           of the sampling (default 0)
  --models           what each model is, costs and needs here, and what is kept
  --remove KEY       delete what is kept of a model; --models tells its key
  --json             one JSON object a line
  --help             this text

What is downloaded is kept for the next time. The exit code is 0, or 1 if
anything failed; errors go to stderr, one line each, as
"describe: CODE: what happened and what to do".`;
