//! The dialect of Gemini: `generateContent`.
