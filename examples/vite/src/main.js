import "fast-vlm/define";
