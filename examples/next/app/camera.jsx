"use client";
import { FastVlm } from "fast-vlm/react";
import { useState } from "react";

export function Camera() {
  const [words, setWords] = useState(0);
  return (
    <>
      <FastVlm
        model="nano"
        modelBase="/fast-vlm"
        source="camera"
        live
        onCaption={({ detail }) => setWords(detail.text.split(" ").length)}
      />
      <p>The last caption has {words} words.</p>
    </>
  );
}
