import { Camera } from "./camera.jsx";

export default function Page() {
  return <Camera />;
}
